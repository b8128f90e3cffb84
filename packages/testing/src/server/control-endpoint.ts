import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonAnswer, sendAnswer } from './answer.js'
import type { ControlCommands } from './control-commands.js'
import { readBody } from './request-body.js'

interface ControlRequest {
  readonly command: string
  readonly args?: readonly unknown[]
}

/**
 * `POST controlUrl` with `{"command", "args"}` answers `{"value"}`, or 400 with `{"message"}`. Other processes drive
 * the server by it; it is open only with the option `control`, at an address nobody can guess.
 */
export async function serveControl(
  commands: ControlCommands,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request)
  if (body === null) return void response.destroy()
  try {
    const { command, args = [] } = JSON.parse(body) as ControlRequest
    if (!Object.hasOwn(commands, command)) throw new TypeError(`there is no command '${command}'`)
    const run = commands[command as keyof ControlCommands] as (...args: unknown[]) => unknown
    // JSON has no undefined: null stands for an argument that was left out.
    const value = await run(...args.map((argument) => argument ?? undefined))
    await sendAnswer(response, jsonAnswer(200, { value }))
  } catch (error) {
    await sendAnswer(
      response,
      jsonAnswer(400, { message: error instanceof Error ? error.message : 'failed' }),
    )
  }
}
