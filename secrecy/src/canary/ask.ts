import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Scene } from './scene.js'

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface Question {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** What of the answer is on purpose, and not shown to the search. */
  readonly hide?: (answer: Answer) => string
}

/** Asks as a browser does, follows nothing, and shows the whole answer to the search. */
export async function ask(scene: Scene, url: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, hide } = question
  const answer = await new Promise<Answer>((resolve, reject) => {
    const call = request(url, { method, headers }, (reply) => {
      const { statusCode: status = 0, headers, rawHeaders } = reply
      text(reply).then(
        (body) => resolve({ status, headers, body }),
        () => resolve({ status, headers, body: rawHeaders.join('\n') }),
      )
    })
    call.on('error', reject)
    call.end(body)
  })
  const shown = JSON.stringify(answer)
  scene.see('answer', hide ? shown.replaceAll(hide(answer), '') : shown)
  return answer
}
