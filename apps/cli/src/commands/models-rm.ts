import type { Command } from '../command'
import { conclude, watchJobs, type Queued } from '../job-watch'
import { confirm } from '../secret-input'
import { EXIT } from '../terminal'

export const modelsRm: Command = {
  name: 'models rm',
  args: ['<model>'],
  summary: 'delete a model from every host and forget it',
  options: { yes: { type: 'boolean', summary: 'do not ask' } },
  async run(call) {
    const { args, options, api, terminal } = call
    const path = `/admin/models/${encodeURIComponent(args[0]!)}`
    await confirm(terminal, `Delete ${args[0]} from every host?`, options.yes === true)
    const queued = await api.json<Queued>('POST', `${path}/delete`)
    const ended = await watchJobs(call, queued.jobs)
    // An entry that a host still holds would come back with the next probe.
    if (ended?.every(({ state }) => state === 'succeeded')) await api.json('DELETE', path)
    const code = conclude(call, queued, ended)
    return code === EXIT.done ? undefined : code
  },
}
