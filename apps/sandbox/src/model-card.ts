import { createHash } from 'node:crypto'

/** What a host says of one model; every figure but `modifiedAt` follows from the name alone. */
export interface ModelCard {
  /** With its tag, such as `phi3:latest`. */
  name: string
  /** 64 hex digits without prefix. */
  digest: string
  sizeBytes: number
  family: string
  /** As printed, such as `3.8B`. */
  parameterSize: string
  parameterCount: number
  quantization: string
  contextLength: number
  embeddingLength: number
  capabilities: string[]
  /** RFC 3339. */
  modifiedAt: string
  parentModel: string
  system: string
  template: string
  parameters: Record<string, unknown>
  license: string
  messages: unknown[]
  /** Set for a model whose calls the host would sign and send on to a cloud. */
  remote?: { host: string; model: string }
}

interface Kind {
  family: string
  billions: number
  contextLength: number
  capabilities: string[]
  quantization?: string
}

const CHAT = ['completion']
const TOOLS = ['completion', 'tools']

/** First match wins; figures are those the public model pages print. */
const KINDS: [RegExp, Kind][] = [
  [
    /^sim-/,
    {
      family: 'llama',
      billions: 1,
      contextLength: 131072,
      capabilities: ['completion', 'tools', 'thinking', 'vision', 'insert', 'embedding'],
    },
  ],
  [
    /^(nomic-)?embed|^bge|minilm|-embed/,
    { family: 'nomic-bert', billions: 0.137, contextLength: 2048, capabilities: ['embedding'], quantization: 'F16' },
  ],
  [
    /^plain$/,
    { family: 'llama', billions: 0.000946, contextLength: 4096, capabilities: CHAT, quantization: 'unknown' },
  ],
  [
    /^think$/,
    {
      family: 'llama',
      billions: 0.000945,
      contextLength: 4096,
      capabilities: ['completion', 'thinking'],
      quantization: 'unknown',
    },
  ],
  [
    /^(say|tool|loop|sky|custom)$/,
    { family: 'llama', billions: 0.000946, contextLength: 4096, capabilities: TOOLS, quantization: 'unknown' },
  ],
  [
    /^llama3\.2-vision|^llava/,
    { family: 'mllama', billions: 9.8, contextLength: 131072, capabilities: ['completion', 'vision'] },
  ],
  [/^llama3\.1/, { family: 'llama', billions: 8, contextLength: 131072, capabilities: TOOLS }],
  [/^llama3\.3/, { family: 'llama', billions: 70.6, contextLength: 131072, capabilities: TOOLS }],
  [/^llama3\.2/, { family: 'llama', billions: 3.2, contextLength: 131072, capabilities: TOOLS }],
  [
    /^codellama/,
    {
      family: 'llama',
      billions: 6.7,
      contextLength: 16384,
      capabilities: ['completion', 'insert'],
      quantization: 'Q4_0',
    },
  ],
  [/^tinyllama/, { family: 'llama', billions: 1.1, contextLength: 2048, capabilities: CHAT, quantization: 'Q4_0' }],
  [/^phi3/, { family: 'phi3', billions: 3.8, contextLength: 131072, capabilities: CHAT, quantization: 'Q4_0' }],
  [/^phi/, { family: 'phi3', billions: 14.7, contextLength: 16384, capabilities: CHAT }],
  [/^mi[sx]tral/, { family: 'llama', billions: 7.2, contextLength: 32768, capabilities: TOOLS }],
  [
    /^qwen3/,
    { family: 'qwen3', billions: 8.2, contextLength: 40960, capabilities: ['completion', 'tools', 'thinking'] },
  ],
  [
    /^qwen2\.5-coder/,
    { family: 'qwen2', billions: 7.6, contextLength: 32768, capabilities: ['completion', 'tools', 'insert'] },
  ],
  [/^qwen/, { family: 'qwen2', billions: 7.6, contextLength: 32768, capabilities: TOOLS }],
  [
    /^deepseek-r1/,
    { family: 'qwen3', billions: 8.2, contextLength: 131072, capabilities: ['completion', 'tools', 'thinking'] },
  ],
  [
    /^granite-code/,
    { family: 'llama', billions: 3.5, contextLength: 128000, capabilities: CHAT, quantization: 'Q4_0' },
  ],
  [/^granite/, { family: 'granite', billions: 2.5, contextLength: 131072, capabilities: TOOLS }],
  [/^gemma/, { family: 'gemma3', billions: 4.3, contextLength: 131072, capabilities: ['completion', 'vision'] }],
]

const UNKNOWN_KIND: Kind = { family: 'llama', billions: 7, contextLength: 32768, capabilities: TOOLS }

/** Adds the tag a name without one stands for: `phi3` is `phi3:latest`. */
export function withTag(name: string): string {
  return name.lastIndexOf(':') > name.lastIndexOf('/') ? name : `${name}:latest`
}

const SIZE_IN_TAG = /(\d+(?:\.\d+)?)(b|m)\b/i

function billionsOf(tag: string, kind: Kind): number {
  const match = SIZE_IN_TAG.exec(tag)
  if (!match) return kind.billions
  return Number(match[1]) / (match[2]?.toLowerCase() === 'm' ? 1000 : 1)
}

function printSize(billions: number): string {
  if (billions >= 1) return `${Number(billions.toFixed(1))}B`
  if (billions >= 0.001) return `${Number((billions * 1000).toFixed(2))}M`
  return `${Math.round(billions * 1_000_000)}K`
}

/** The card of a model, made up from its name (families, sizes) with `digest` the SHA-256 of the full name. */
export function modelCard(name: string, modifiedAt: string): ModelCard {
  const full = withTag(name)
  const bare = full.slice(full.lastIndexOf('/') + 1, full.lastIndexOf(':')).toLowerCase()
  const tag = full.slice(full.lastIndexOf(':') + 1)
  const kind = KINDS.find(([pattern]) => pattern.test(bare))?.[1] ?? UNKNOWN_KIND
  const billions = billionsOf(tag, kind)
  const digest = createHash('sha256').update(full).digest('hex')
  const count = Math.round(billions * 1e9)
  return {
    name: full,
    digest,
    sizeBytes: Math.round(count * 0.6) + (parseInt(digest.slice(0, 4), 16) % 65536),
    family: kind.family,
    parameterSize: printSize(billions),
    parameterCount: count,
    quantization: kind.quantization ?? 'Q4_K_M',
    contextLength: kind.contextLength,
    embeddingLength: billions > 30 ? 8192 : billions > 5 ? 4096 : billions > 1 ? 3072 : billions > 0.01 ? 768 : 384,
    capabilities: kind.capabilities,
    modifiedAt,
    parentModel: '',
    system: '',
    template: '{{ .Prompt }}',
    parameters: {},
    license: '',
    messages: [],
  }
}
