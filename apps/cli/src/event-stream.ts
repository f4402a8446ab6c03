/** The data of every server-sent event of a text, in order; comments (signs of life) are left out. Events of ours have one data line. */
export async function* eventsOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of text) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim()
  }
}
