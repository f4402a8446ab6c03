import { Injectable } from '@nestjs/common'
import { isUuid, refuse, RefusalError } from '@tollgate/kernel'
import { ReceiptSigner, type PublicKeyJwk } from '@tollgate/platform/secrets'
import { RECEIPT_TYPE, receiptOf, type Receipt } from './domain/receipt'
import { operatorRecord, tenantRecord, type RequestRecord } from './domain/request-record'
import { RequestRecordStore } from './request-record.store'

/** A receipt, the same as a compact JWS, and the key that verifies it. */
export interface SignedReceipt {
  readonly receipt: Receipt
  readonly jws: string
  readonly public_key: PublicKeyJwk
}

/** The record of one request, as its tenant or an operator sees it. @throws RefusalError request_not_recorded */
@Injectable()
export class RequestRecordService {
  constructor(
    private readonly store: RequestRecordStore,
    private readonly signer: ReceiptSigner,
  ) {}

  async forTenant(tenantId: string, id: string) {
    return tenantRecord(await this.find(id, (rid) => this.store.ofTenant(tenantId, rid)))
  }

  async forOperator(id: string) {
    return operatorRecord(await this.find(id, (rid) => this.store.ofAnyone(rid)))
  }

  /** Where a request of this tenant was answered, signed. @throws RefusalError receipt_unavailable for a call that reached no host */
  async receipt(tenantId: string, id: string): Promise<SignedReceipt> {
    const receipt = receiptOf(await this.find(id, (rid) => this.store.ofTenant(tenantId, rid)))
    if (!receipt) throw new RefusalError(refuse('receipt_unavailable', { id }))
    return { receipt, jws: this.signer.sign(receipt, RECEIPT_TYPE), public_key: this.signer.publicKey }
  }

  private async find(id: string, read: (rid: string) => Promise<RequestRecord | null>): Promise<RequestRecord> {
    const rid = id.toLowerCase()
    const record = isUuid(rid) ? await read(rid).catch(unavailable) : null
    if (!record) throw new RefusalError(refuse('request_not_recorded', { id: id.slice(0, 100) }))
    return record
  }
}

function unavailable(): never {
  throw new RefusalError(refuse('reports_unavailable', {}, { retryAfterSeconds: 5 }))
}
