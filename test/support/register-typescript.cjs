// Lets a child process of a spec load our TypeScript as it is: node -r …/register-typescript.cjs some/file.ts
const { readFileSync } = require('node:fs')
const Module = require('node:module')
const { join } = require('node:path')
const swc = require('@swc/core')

const root = join(__dirname, '../..')
require.extensions['.ts'] = (module, filename) => {
  const { code } = swc.transformSync(readFileSync(filename, 'utf8'), {
    filename,
    cwd: root,
    configFile: join(root, '.swcrc'),
    sourceMaps: 'inline',
  })
  module._compile(code, filename)
}
const resolve = Module._resolveFilename
Module._resolveFilename = function (request, ...rest) {
  const [, path] = /^@tollgate\/([a-z-]+(?:\/[a-z-]+)?)$/.exec(request) ?? []
  return resolve.call(this, path ? join(root, 'libs', path, 'index.ts') : request, ...rest)
}
