import { cpSync, existsSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tempFolder } from './temp-folder'

/** The folder of package.json, whether this runs as TypeScript or from dist. */
export function projectRoot(): string {
  let folder = __dirname
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

/** Copies the build as it is now, so that a long run is not changed by a later build; packages are linked. */
export function installBuild(): { path: string; remove(): void } {
  const root = projectRoot()
  const folder = tempFolder()
  for (const name of ['dist', 'migrations', 'package.json']) cpSync(join(root, name), join(folder.path, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder.path, 'node_modules'))
  return folder
}
