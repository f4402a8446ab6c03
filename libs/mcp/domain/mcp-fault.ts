/** Why a server gave no result. The words are ours: they go to models and clients, and name no address or command. */
export const FAULTS = {
  unavailable: 'its server is not available right now',
  timeout: 'its server did not answer in time',
  died: 'its server ended before it answered',
  flooded: 'its server sent more than is taken',
  malformed: 'its server answered with something that is no result',
  refused: 'its server refused the call',
  busy: 'its server has too many calls at once',
  cancelled: 'the call was cancelled',
} as const

/** A kind of fault. */
export type FaultKind = keyof typeof FAULTS

/** A server that failed, by kind. `detail` is for the operator's log alone. */
export class McpFault extends Error {
  constructor(
    readonly kind: FaultKind,
    readonly detail = '',
    /** What the server says is wrong with the call, for the model to read: JSON-RPC errors of `refused`. */
    readonly told = '',
  ) {
    super(FAULTS[kind])
    this.name = 'McpFault'
  }
}
