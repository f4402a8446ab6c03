import OpenAI from 'openai'
import { Test } from '@nestjs/testing'
import { SandboxModule, SandboxService } from './sandbox.module'
import { hear } from './testing/caller'

test('the module starts with the application and closes with it', async () => {
  const hosts = [{ name: 'eu', region: 'eu-west', dialect: 'ollama' as const, models: ['phi3'] }]
  const module = await Test.createTestingModule({ imports: [SandboxModule.register({ hosts })] }).compile()
  await module.init()
  const { baseUrl } = module.get(SandboxService).sandbox.host('eu')
  expect((await hear(`${baseUrl}/api/version`)).status).toBe(200)
  await module.close()
  expect((await hear(`${baseUrl}/api/version`)).fault).toBe('ECONNREFUSED')
})

describe('the official OpenAI client', () => {
  const hosts = [
    { name: 'cloud', region: 'us', dialect: 'openai' as const, models: ['gpt-4o'], apiKey: 'k', defaults: { gap: 0 } },
  ]
  const messages = [{ role: 'user' as const, content: 'Hi' }]

  test('reads answers, streams and calls, and throws the class of the status', async () => {
    const module = await Test.createTestingModule({ imports: [SandboxModule.register({ hosts })] }).compile()
    await module.init()
    const { baseUrl } = module.get(SandboxService).sandbox.host('cloud')
    const client = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'k', maxRetries: 0 })
    const whole = await client.chat.completions.create({ model: 'gpt-4o', messages })
    expect([whole.choices[0]?.message.content?.length, whole.usage?.completion_tokens]).toEqual([30, 11])
    const stream = client.chat.completions.stream({
      model: 'sim-tool',
      messages,
      tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
    })
    expect((await stream.finalChatCompletion()).choices[0]?.message.tool_calls?.[0]).toMatchObject({
      function: { name: 'f', arguments: '{"city": "Paris"}' },
    })
    const broken = client.chat.completions.stream({ model: 'sim-err-event', messages })
    await expect(broken.finalChatCompletion()).rejects.toThrow('The server had an error')
    await expect(client.chat.completions.create({ model: 'sim-rate', messages })).rejects.toBeInstanceOf(
      OpenAI.RateLimitError,
    )
    await expect(client.chat.completions.create({ model: 'nope', messages })).rejects.toBeInstanceOf(
      OpenAI.NotFoundError,
    )
    const [float, base64] = await Promise.all(
      (['float', 'base64'] as const).map((encoding_format) =>
        client.embeddings.create({ model: 'sim-embed', input: 'a', dimensions: 4, encoding_format }),
      ),
    )
    const bytes = Buffer.from(base64?.data[0]?.embedding as unknown as string, 'base64')
    expect(float?.data[0]?.embedding).toEqual([0, 4, 8, 12].map((at) => bytes.readFloatLE(at)))
    await module.close()
  })
})
