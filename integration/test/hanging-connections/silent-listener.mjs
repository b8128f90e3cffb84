/** Listens with the smallest backlog, counts what it is sent, and never answers. */
import { createServer } from 'node:net'

let bytes = 0
const server = createServer((socket) => {
  socket.on('error', () => {})
  socket.on('data', (data) => {
    bytes += data.length
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => process.send({ port: server.address().port }))
process.on('message', () => process.send({ bytes }))
