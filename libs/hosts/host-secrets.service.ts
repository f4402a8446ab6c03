import { createHash } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import { SecretBox } from '@tollgate/platform/secrets'
import type { Host } from './domain/host'
import { hintOf, type HostRecord } from './domain/host-record'
import { HostStore } from './host.store'

/** Shorter ones could be guessed from their fingerprint. */
const LEAST_FINGERPRINTED = 20

type Owner = Pick<Host, 'id' | 'provider'>

/** Credentials of hosts: sealed for one host and its provider, opened for the call to it and kept nowhere. */
@Injectable()
export class HostSecrets {
  constructor(
    private readonly box: SecretBox,
    private readonly store: HostStore,
  ) {}

  /** What is stored of a secret: the box, its last four characters, and a fingerprint to compare it by. */
  seal(host: Owner, secret: string | null): Pick<HostRecord, 'secret' | 'secretHint' | 'secretFingerprint'> {
    if (secret === null) return { secret: null, secretHint: null, secretFingerprint: null }
    return { secret: this.box.seal(secret, contextOf(host)), secretHint: hintOf(secret), secretFingerprint: fingerprintOf(secret) }
  }

  /** The plain credential, or null where the host has none. @throws when the row was altered, came from another host, or its key is not here */
  open({ secret, ...host }: Owner & Pick<Host, 'secret'>): string | null {
    return secret ? this.box.open(secret, contextOf(host), formerContextOf(host)) : null
  }

  /** May the host be called? One whose secret does not open is left out; the others serve on. */
  isReadable(host: Owner & Pick<Host, 'secret'>): boolean {
    try {
      this.open(host)
      return true
    } catch {
      return false
    }
  }

  /**
   * Brings secrets under the key that seals now, one statement each, so it may stop anywhere and go on in any process;
   * a secret that was changed meanwhile is left as it is. Answers how many were brought, and hosts whose secret does not open.
   */
  async rewrap(): Promise<{ readonly rewrapped: number; readonly unreadable: readonly string[] }> {
    const unreadable: string[] = []
    let rewrapped = 0
    for (const host of await this.store.sealedOtherwise(this.box.prefix)) {
      if (!this.isReadable(host)) unreadable.push(host.name)
      else if (await this.store.replaceSecret(host.id, host.secret, this.box.rewrap(host.secret, contextOf(host), formerContextOf(host))!)) rewrapped++
    }
    return { rewrapped, unreadable }
  }
}

/** tenant|provider|whose|field: hosts are the platform's. */
function contextOf({ id, provider }: Owner): string {
  return `platform|${provider}|host ${id}|secret`
}

/** What boxes of the first version were bound to. */
function formerContextOf({ id }: Owner): string {
  return `host|${id}`
}

/** The first 16 digits of its SHA-256, which whoever holds the secret can compute too; empty for one that could be guessed. */
function fingerprintOf(secret: string): string {
  return secret.length >= LEAST_FINGERPRINTED ? createHash('sha256').update(secret).digest('hex').slice(0, 16) : ''
}
