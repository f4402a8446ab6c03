import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { main } from '../../apps/cli/src/main'
import { startAdmin, type AdminApp } from '../admin/admin-app'
import { redisTargets, startStack, tempFolder, type Stack } from '../support'
import { SECRET } from '../support/seeding'

const redisUrl = redisTargets().at(-1)!.url

describe("the operator's file", () => {
  const folder = tempFolder()
  let stack: Stack
  let admin: AdminApp
  let server: string
  let token: string
  let ollama: string
  let slug: string
  beforeAll(async () => {
    stack = await startStack({ redisUrl, hosts: [{ name: 'gpu-1', region: 'us-east', dialect: 'ollama', models: ['phi3', 'llama3.2'] }, { name: 'spare', region: 'eu-west', dialect: 'ollama', models: ['gemma3:1b', 'qwen2.5:3b'] }] })
    admin = await startAdmin({ TOLLGATE_KEY_PEPPER: SECRET, TOLLGATE_JWT_SECRET: SECRET, TOLLGATE_SECRETS_KEY: SECRET }, stack.database)
    await admin.app.listen(0, '127.0.0.1')
    server = await admin.app.getUrl()
    token = await admin.personToken('owner')
    slug = (await stack.addTenant()).slug
    ollama = stack.sandbox.hosts[1]!.baseUrl
    await stack.owner.query(`DELETE FROM deployment WHERE host_id = (SELECT id FROM host WHERE name = 'spare')`)
    await stack.owner.query(`DELETE FROM host WHERE name = 'spare'`)
    await stack.owner.query(`DELETE FROM model WHERE name IN ('gemma3:1b', 'qwen2.5:3b')`)
  })
  afterAll(async () => {
    await admin.stop()
    await stack.stop()
    folder.remove()
  })

  async function config(verb: string, yaml: string, env: Record<string, string> = {}, ...options: string[]) {
    writeFileSync(join(folder.path, 'tollgate.yaml'), yaml)
    let [out, err] = ['', '']
    const code = await main({ argv: ['config', verb, ...options], env: { HOME: folder.path, TOLLGATE_URL: server, TOLLGATE_TOKEN: token, ...env }, cwd: folder.path, stdin: new PassThrough(), stdout: { write: (text) => (out += text) }, stderr: { write: (text) => (err += text) } })
    return { code, out, err }
  }
  async function rows(): Promise<string> {
    const found: unknown[] = []
    for (const table of ['tier', 'model', 'alias', 'host', 'price', 'prompt', 'tenant', 'project']) found.push((await stack.owner.query(`SELECT * FROM ${table} ORDER BY 1, 2`)).rows)
    return JSON.stringify(found, (key, value) => (/probe|updated|auth_epoch|status|version$/.test(key) ? undefined : value))
  }

  const RUNTIME = () => `version: v1
name: my-project
runtime:
  default_model: fast
  models:
    - name: fast
      description: Fast Ollama model
      provider: ollama
      model: gemma3:1b
      base_url: ${ollama}/v1
      api_key: \${env:OLLAMA_KEY:-ollama}
      default: true
      model_api_parameters:
        temperature: 0.5
      prompt: default
      fallbacks: [small]
    - name: small
      provider: ollama
      model: phi3
prompts:
  - name: default
    messages:
      - role: system
        content: You are a helpful assistant.
`

  it('applies the runtime.models form as it is written, says so before, and has nothing to do after', async () => {
    const diff = await config('diff', RUNTIME())
    expect(diff.out).toContain('+ model gemma3:1b\n    name: "gemma3:1b"\n    description: "Fast Ollama model"\n    parameters: {"temperature":0.5}\n    fallbacks: ["phi3"]\n')
    expect(diff.out).toContain('+ prompt default\n    text: "You are a helpful assistant."\n    merge: "before"\n    models: ["gemma3:1b"]\n')
    expect(diff.out).toMatch(/\+ host ollama-127\.0\.0\.1-\d+\n {4}name: .*\n {4}region: "us-east"\n[\s\S]*secret: "\(hidden\)"/)
    expect(diff.out).toContain('~ alias fast\n    target: "phi3" → "gemma3:1b"')
    expect(diff.out).toContain('~ alias default\n    target: "llama3.2" → "gemma3:1b"')
    const before = await rows()
    expect(diff.out).not.toContain('"ollama"\n    secret')
    expect(before).not.toContain('Fast Ollama model')
    expect(await config('apply', RUNTIME())).toMatchObject({ code: 0, out: expect.stringMatching(/\d changes are made\./) })
    expect(await config('apply', RUNTIME())).toEqual({ code: 0, err: '', out: 'Nothing to do: everything is as the file says.\n' })
    expect((await config('diff', RUNTIME(), { OLLAMA_KEY: 'another-secret' })).out).toMatch(/^~ host .*\n {4}secret: "\(hidden\)" → "\(hidden, another\)"\n1 changes/)
    const tenant = await stack.addTenant({ tier: 'enterprise' })
    const chat = await stack.post('/chat', tenant.key, { model: 'fast', message: 'hello' })
    const { rows: heard } = await stack.owner.query(`SELECT models FROM prompt WHERE name = 'default'`)
    expect(heard).toEqual([{ models: ['gemma3:1b'] }])
    expect([chat.status, ((await chat.json()) as { model: string }).model]).toEqual([200, 'gemma3:1b'])
  })

  it('keeps of tool servers only which model is given them, and says that gateways read them elsewhere', async () => {
    const file = 'mcp:\n  servers:\n    - { name: shelf, transport: stdio, command: /no/such/command, env: { TOKEN: "${env:SHELF_TOKEN}" } }\nmodels:\n  - name: phi3\n    mcp_servers: [shelf]\n'
    const told = 'mcp.servers are not stored'
    const { code, out, err } = await config('apply', file, { SHELF_TOKEN: 'very-secret' })
    expect([code, out + err]).toEqual([0, expect.stringContaining('mcp_servers: [] → ["shelf"]')])
    expect(out + err).toContain(told)
    expect((await stack.owner.query(`SELECT mcp_servers FROM model WHERE name = 'phi3'`)).rows).toEqual([{ mcp_servers: ['shelf'] }])
    expect(await rows()).not.toMatch(/no\/such|very-secret/)
    expect((await config('diff', file, { SHELF_TOKEN: 'very-secret' })).out).toMatch(/Nothing to do/)
    expect((await config('show', file)).out).toMatch(/name: phi3[\s\S]*mcp_servers:\n\s+- shelf/)
  })

  it('makes tiers, tenants, projects, aliases, prices and hosts, changes what it names alone, and is its own export', async () => {
    const file = (rpm: number) => `
tiers:
  - slug: gold
    name: Gold
    models: [phi3, "llama3.2:*"]
    rpm_limit: ${rpm}
    tpm_limit: null
    max_parallel_requests: 8
    max_output_tokens: 2048
    max_budget: "25.00"
aliases:
  - { name: swift, target: quick }
  - { name: quick, target: phi3 }
  - { name: house, target: phi3, tenant: newco }
  - { name: gilded, target: llama3.2, tier: gold }
models:
  - name: phi3
    description: Small and quick
    is_internal: true
prompts:
  - { name: terse, content: "Be brief. Today is {{date}}.", models: [phi3], merge: default }
prices:
  - { model: phi3, provider: ollama, input_per_million: "0.05", output_per_million: "0.10", source: our list }
tenants:
  - slug: newco
    name: New Company
    tier: gold
    home_region: us-east
    max_budget: "10"
    projects:
      - { slug: research, name: Research, default_model: phi3 }
`
    const made = await config('apply', file(60))
    expect(made.err).toBe('')
    for (const line of ['+ tier gold', '+ tenant newco', '+ project research of newco', '+ alias quick', '+ alias swift', '+ alias house of newco', '+ alias gilded of gold', '~ model phi3', '+ prompt terse', '+ price phi3 (ollama, USD)']) expect(made.out).toContain(line)
    expect(made.out.indexOf('+ alias quick')).toBeLessThan(made.out.indexOf('+ alias swift'))
    expect((await config('apply', file(60))).out).toBe('Nothing to do: everything is as the file says.\n')
    expect((await config('apply', file(90))).out).toBe('~ tier gold\n    rpm_limit: 60 → 90\n1 changes are made.\n')
    expect((await config('apply', 'tiers:\n  - slug: gold\n    rpm_limit: 91\n')).out).toContain('rpm_limit: 90 → 91')
    expect((await config('diff', file(91).replace('"0.05"', '"0.06"'))).out).toBe('~ price phi3 (ollama, USD)\n    input_per_million: "0.05" → "0.06"\n1 changes. `tollgate config apply tollgate.yaml` makes them.\n')
    const shown = (await config('show', '')).out
    expect(shown).toContain('slug: gold')
    expect(await config('diff', shown)).toEqual({ code: 0, err: '', out: 'Nothing to do: everything is as the file says.\n' })
    expect((await config('validate', shown)).out).toContain('is valid. Everything is as it says.')
  })

  it.each<[string, string, RegExp]>([
    ['a duplicate key', 'tiers: []\ntiers: []\n', /tollgate\.yaml:2:1 this key stands twice/],
    ['a missing variable', 'hosts:\n  - name: x\n    secret: ${env:NO_SUCH_KEY}\n', /tollgate\.yaml:3:13 hosts\.0\.secret: the variable NO_SUCH_KEY is not set/],
    ['an unknown section', 'teirs: []\n', /line 1, column 1: teirs is not a field/],
    ['an unknown field', 'hosts:\n  - name: x\n    region: us-east\n    provider: ollama\n    base_url: http://127.0.0.1:1\n    drian: true\n', /line 6, column 5: hosts\.0\.drian is not a field/],
    ['an unknown field of a runtime model', 'runtime:\n  models:\n    - name: a\n      provider: ollama\n      model: phi3\n      temperature: 1\n', /line 6, column 7: runtime\.models\.0\.temperature is not a field/],
    ['a parameter there is not', 'runtime:\n  models:\n    - name: a\n      provider: ollama\n      model: phi3\n      model_api_parameters:\n        heat: 1\n', /line 7, column 9: runtime\.models\.0\.model_api_parameters\.heat is not a field/],
    ['a region that is not there', 'tenants:\n  - {slug: a, name: A, tier: free, home_region: moon}\n', /line 2, column \d+: tenants\.0\.home_region moon is not a region/],
    ['an address that may not be called', 'hosts:\n  - name: x\n    region: us-east\n    provider: ollama\n    base_url: http://169.254.169.254\n', /line 5, column 5: hosts\.0\.base_url /],
    ['an alias to nowhere', 'aliases:\n  fine: phi3\n  lost: nowhere-to-be-found\n', /line 3, column 3: aliases\.lost\.target nowhere-to-be-found cannot be followed/],
    ['aliases in a circle', 'aliases:\n  one: two\n  two: one\n', /line 2, column 3: aliases\.one\.target two cannot be followed: it leads in a circle/],
    ['two defaults', 'default_model: phi3\nruntime:\n  models:\n    - name: a\n      provider: ollama\n      model: llama3.2\n      default: true\n', /line 7, column 7: runtime\.models\.0\.default says that the default is llama3\.2, and default_model that it is phi3/],
    ['one name twice', 'tiers:\n  - slug: free\n  - slug: free\n', /line 3, column 5: tiers\.1\.slug stands twice in this file: free is tiers\.0/],
    ['a default that its tier lacks', 'tiers:\n  - slug: free\n    default_model: llama3.2\n', /line 3, column 5: tiers\.0\.default_model is not permitted by this tier/],
    ['another currency', 'tenants:\n  - slug: SLUG\n    currency: EUR\n', /line 3, column 5: tenants\.0\.currency of a tenant does not change/],
    ['an unknown key of a tool server', 'mcp:\n  servers:\n    - {name: a, transport: stdio, command: npx, shell: true}\n', /line 3, column 49: mcp\.servers\.0\.shell is not a field of this object/],
    ['a tool server without a command', 'mcp:\n  servers:\n    - {name: a, transport: stdio}\n', /line 3, column 7: mcp\.servers\.0\.command is missing/],
    ['a tool server twice', 'mcp:\n  servers:\n    - {name: a, transport: stdio, command: npx}\n    - {name: a, transport: http, url: "http://x/"}\n', /line 4, column 8: mcp\.servers\.1\.name stands twice in this file: a is mcp\.servers\.0/],
    ['a limit beyond all', 'mcp:\n  servers:\n    - name: a\n      transport: stdio\n      command: npx\n      limits: {rounds: 1000}\n', /line 6, column 16: mcp\.servers\.0\.limits\.rounds must be at most 64/],
    ['tools of a server that is none', 'mcp:\n  servers:\n    - {name: a, transport: stdio, command: npx}\nruntime:\n  models:\n    - name: q\n      provider: ollama\n      model: phi3\n      mcp_servers: [b]\n', /line 9, column 21: runtime\.models\.0\.mcp_servers\.0 names b, which is not one of mcp\.servers/],
    ['a fallback that is no model', 'runtime:\n  models:\n    - name: a\n      provider: ollama\n      model: phi3\n      fallbacks: [nothing]\n', /line 6, column 19: runtime\.models\.0\.fallbacks\.0 nothing is not a model of the catalogue/],
    ['fallbacks in a circle', 'models:\n  - {name: phi3, fallbacks: [llama3.2]}\n  - {name: llama3.2, fallbacks: [phi3]}\n', /line 2, column 30: models\.0\.fallbacks\.0 llama3\.2 falls back to phi3 itself, a circle/],
    ['a model that falls back to itself', 'models:\n  - {name: phi3, fallbacks: ["phi3:latest"]}\n', /line 2, column 30: models\.0\.fallbacks\.0 is the model itself/],
    ['a name of which nothing is left', 'models:\n  - {name: ":latest"}\n', /line 2, column 6: models\.0\.name must be more than a tag/],
    ['a text that no database holds', 'prompts:\n  - {name: a, text: "x\\0y"}\n', /tollgate\.yaml:2:\d+ prompts\.0\.text: holds a character that is none/],
    ['an alias to nowhere of a tenant that is not there yet', 'aliases:\n  - {name: lost, target: nowhere-at-all, tenant: fresh}\ntenants:\n  - {slug: fresh, name: F, tier: free, home_region: us-east}\n', /line 2, column 18: aliases\.0\.target nowhere-at-all cannot be followed/],
    ["an alias that leans on another tier's", 'aliases:\n  - {name: shiny, target: phi3, tier: standard}\n  - {name: mine, target: shiny, tenant: fresh}\ntenants:\n  - {slug: fresh, name: F, tier: free, home_region: us-east}\n', /line 3, column 18: aliases\.1\.target shiny cannot be followed/],
    ["a price in another currency than its new tenant's", 'prices:\n  - {model: phi3, tenant: fresh, currency: EUR, input_per_million: "1", output_per_million: "1", source: x}\ntenants:\n  - {slug: fresh, name: F, tier: free, home_region: us-east}\n', /line 2, column 34: prices\.0\.currency must be the tenant's, USD/],
    ['a place of a prompt that is none', 'prompts:\n  - {name: a, content: "Hello {{user}}"}\n', /line 2, column \d+: prompts\.0\.content \{\{user\}\} is no place of a template/],
    ['two prompts for a model', 'prompts:\n  - {name: a, text: x, models: [llama3.2]}\n  - {name: b, text: y, models: [llama3.2]}\n', /line 2, column 5: prompts\.0 llama3\.2 has the prompt b as well/],
    ['a prompt that nobody wrote', 'models:\n  - name: phi3\n    prompt: kindly\n', /line 3, column 5: models\.0\.prompt kindly is not one of prompts/],
  ])('refuses %s, with line and column, and changes nothing', async (_name, yaml, told) => {
    const before = await rows()
    const good = 'aliases:\n  never: phi3\n'
    const file = yaml.replace('SLUG', slug)
    const { code, out, err } = await config('apply', file.startsWith('aliases') ? file : `${file}${good}`)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(told)
    expect(await rows()).toBe(before)
  })

  it('names every fault at once, and checks the form without a server', async () => {
    const { err } = await config('validate', 'hosts:\n  - name: X\n    region: moon\ntiers:\n  - slug: gold\n    rpm_limit: -1\n')
    expect(err).toMatch(/ and \d more\. Nothing was changed\.\n {2}2:5 hosts\.0\.(name|provider|base_url) [\s\S]*\n {2}6:5 tiers\.0\.rpm_limit must be at least 1/)
    expect(await config('validate', 'tiers: []\n', { TOLLGATE_URL: 'http://127.0.0.1:1' }, '--offline')).toMatchObject({ code: 0, out: expect.stringContaining('well formed') })
  })

  it('stops where a step cannot be made, says what is made, and goes on when it is applied again', async () => {
    const file = 'models:\n  - {name: first-made, description: x}\naliases:\n  blocked: first-made\n  last: first-made\n'
    await stack.owner.query(`ALTER TABLE alias ADD CONSTRAINT spec_block CHECK (name <> 'blocked')`)
    expect(await config('apply', file)).toMatchObject({ code: 1, err: expect.stringContaining('1 of 3 changes are made; alias blocked could not be: Something went wrong on our side. Apply the file again') })
    await stack.owner.query('ALTER TABLE alias DROP CONSTRAINT spec_block')
    expect((await config('apply', file)).out).toMatch(/^\+ alias blocked\n[\s\S]*\n2 changes are made\.\n$/)
  })

  it('interrupted at every single write, it goes on when it is applied again, and makes nothing twice', async () => {
    const prompts = (ofLeft: string, ofRight: string) => `prompts:\n  - {name: p-left, text: l, models: [${ofLeft}]}\n  - {name: p-right, text: r, models: [${ofRight}]}\n`
    expect(await config('apply', `models:\n  - {name: left}\n  - {name: right}\n${prompts('left', 'right')}`)).toMatchObject({ code: 0, err: '' })
    const file = `${prompts('right', 'left')}
models:
  - {name: leans, fallbacks: ["stands-in:latest", left]}
  - {name: stands-in}
tiers:
  - {slug: silver, name: Silver, models: ["*"], rpm_limit: 60, tpm_limit: null, max_parallel_requests: 8, max_output_tokens: 2048, max_budget: null}
tenants:
  - {slug: fresh, name: Fresh, tier: silver, home_region: us-east, projects: [{slug: lab, name: Lab}]}
aliases:
  - {name: mine, target: shiny, tenant: fresh}
  - {name: shiny, target: leans, tier: silver}
prices:
  - {model: leans, provider: ollama, tenant: fresh, input_per_million: "1", output_per_million: "2", source: list}
`
    await stack.owner.query(`CREATE SEQUENCE spec_writes;
      CREATE FUNCTION spec_stop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$ BEGIN IF nextval('spec_writes') > 1 THEN RAISE EXCEPTION 'the machine is gone'; END IF; RETURN NEW; END $$;
      CREATE TRIGGER spec_stop BEFORE INSERT ON model FOR EACH ROW WHEN (NEW.origin = 'operator') EXECUTE FUNCTION spec_stop()`)
    for (const table of ['tier', 'alias', 'price', 'prompt', 'tenant', 'project']) await stack.owner.query(`CREATE TRIGGER spec_stop BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION spec_stop()`)
    let interrupted = 0
    for (; interrupted < 30; interrupted++) {
      await stack.owner.query(`SELECT setval('spec_writes', 1, false)`)
      if ((await config('apply', file)).code === 0) break
    }
    // Ten objects, and the prompt that gave its model up before the other took it.
    expect(interrupted).toBe(10)
    expect(await config('diff', file)).toEqual({ code: 0, err: '', out: 'Nothing to do: everything is as the file says.\n' })
    const { rows: [made] } = await stack.owner.query(`SELECT (SELECT count(*)::int FROM tier WHERE slug = 'silver') AS tiers, (SELECT count(*)::int FROM price WHERE model = 'leans') AS prices, (SELECT max(version) FROM prompt WHERE name = 'p-left') AS left,
      (SELECT models FROM prompt WHERE name = 'p-right' ORDER BY version DESC LIMIT 1) AS right, (SELECT fallbacks FROM model WHERE name = 'leans') AS fallbacks`)
    expect(made).toEqual({ tiers: 1, prices: 1, left: 2, right: ['left'], fallbacks: ['stands-in', 'left'] })
    await stack.owner.query('DROP FUNCTION spec_stop CASCADE; DROP SEQUENCE spec_writes')
  })

  it('is for owners alone to apply', async () => {
    const [ops, developer] = [await admin.personToken('ops'), await admin.personToken('developer', (await stack.addTenant()).id)]
    expect((await config('diff', 'tiers: []\n', { TOLLGATE_TOKEN: ops })).code).toBe(0)
    expect(await config('apply', 'tiers: []\n', { TOLLGATE_TOKEN: ops })).toMatchObject({ code: 4, err: expect.stringContaining('config:write') })
    expect((await config('diff', 'tiers: []\n', { TOLLGATE_TOKEN: developer })).code).toBe(4)
  })
})
