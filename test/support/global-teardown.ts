/** Jest's global teardown of the `integration` project. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.stopTestServices?.()
}
