import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tempFolder } from '../support'
import { projectRoot } from '../support/installation'

const root = projectRoot()
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { tollgate: string } }

/** How long a start takes is measured by the command of apps/cli/README.md; what makes it long is held here. */
describe('the start of tollgate', () => {
  const folder = tempFolder()
  afterAll(() => folder.remove())

  const loaded = (...argv: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', join(root, 'test/fixtures/loaded-files.cjs'), join(root, bin.tollgate), ...argv], { cwd: folder.path, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder.path } })
    expect([status, stdout]).toEqual([0, expect.stringContaining('tollgate')])
    return (JSON.parse(stderr) as string[]).map((file) => file.replace(`${root}/`, ''))
  }

  it.each([['--help'], ['chat --help'], ['models pull --help']])('loads no package and no library of ours: %s', (line) => {
    const files = loaded(...line.split(' '))
    expect(files).toContain('dist/apps/cli/src/main.js')
    expect(files.filter((file) => !file.startsWith('dist/apps/cli/'))).toEqual([])
  })

  it('loads one command when one is asked for', () => {
    const commands = (files: readonly string[]) => files.filter((file) => file.includes('/commands/'))
    expect(commands(loaded('models', 'pull', '--help'))).toEqual(['dist/apps/cli/src/commands/models-pull.js'])
    expect(commands(loaded('--help')).length).toBeGreaterThan(40)
  })
})
