/** The flow of the connect module that injects it. */
export const CONNECT_FLOW = 'EvergrantConnectFlow'

export const DISCONNECT_OPTIONS = 'EvergrantDisconnectOptions'
