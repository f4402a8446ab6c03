const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Hosts that answered a request with its own id. */
const echoing = new WeakSet<object>()

/**
 * Is this the answer to another request (F44)? Many servers send our request id back. One that did so before and now
 * names another id of our form has mixed up its answers; one that gives ids of its own says nothing by them.
 */
export function isOfAnother(host: object, sent: string, told: unknown): boolean {
  if (told === sent) echoing.add(host)
  return typeof told === 'string' && told !== sent && UUID.test(told) && echoing.has(host)
}
