-- Invoices, insert-only: no role may change or remove one, and what must hold between rows is held here, not in code
-- (libs/invoices/README.md). No reference to tenant: an invoice outlives it, as the ledger does.

-- Which part of the tenant's hash chain (ledger_seal) an invoice looks at: links first_seq to cutoff_seq of calls begun
-- before ends_at, less those numbered up to after_seq and begun before starts_at, which earlier invoices have. open_seq is
-- the first link that this one leaves for later.
CREATE TABLE invoice (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL CONSTRAINT invoice_id_key UNIQUE,
  number integer NOT NULL CONSTRAINT invoice_number_positive CHECK (number > 0),
  previous_number integer GENERATED ALWAYS AS (nullif(number - 1, 0)) STORED,
  tenant_slug text NOT NULL,
  tenant_name text NOT NULL,
  period text NOT NULL CONSTRAINT invoice_period_form CHECK (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  time_zone text NOT NULL,
  currency text NOT NULL CONSTRAINT invoice_currency_form CHECK (currency ~ '^[A-Z]{3}$'),
  minor_digits smallint NOT NULL CONSTRAINT invoice_digits_known CHECK (minor_digits IN (0, 2, 3)),
  first_seq bigint NOT NULL,
  after_seq bigint NOT NULL,
  cutoff_seq bigint NOT NULL,
  open_seq bigint NOT NULL,
  line_count integer NOT NULL CONSTRAINT invoice_lines_positive CHECK (line_count >= 0),
  total_minor numeric(30) NOT NULL,
  document text NOT NULL,
  sha256 text NOT NULL CONSTRAINT invoice_hash_is_of_document CHECK (sha256 = encode(sha256(convert_to(document, 'UTF8')), 'hex')),
  issued_at timestamptz NOT NULL,
  issued_by uuid NOT NULL,
  CONSTRAINT invoice_pk PRIMARY KEY (tenant_id, id),
  CONSTRAINT invoice_number_key UNIQUE (tenant_id, number),
  CONSTRAINT invoice_period_key UNIQUE (tenant_id, period),
  CONSTRAINT invoice_time_order CHECK (starts_at < ends_at),
  CONSTRAINT invoice_seq_order CHECK (first_seq >= 1 AND after_seq >= first_seq - 1 AND cutoff_seq >= after_seq AND open_seq BETWEEN first_seq AND cutoff_seq + 1),
  CONSTRAINT invoice_first_begins CHECK (number > 1 OR (first_seq = 1 AND after_seq = 0)),
  -- Each begins exactly where the one before it ended, in time and in the chain: no ledger row is left out or billed twice.
  CONSTRAINT invoice_end_key UNIQUE (tenant_id, number, ends_at, open_seq, cutoff_seq),
  CONSTRAINT invoice_follows_previous FOREIGN KEY (tenant_id, previous_number, starts_at, first_seq, after_seq) REFERENCES invoice (tenant_id, number, ends_at, open_seq, cutoff_seq)
);

CREATE TABLE invoice_line (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  line integer NOT NULL CONSTRAINT invoice_line_positive CHECK (line > 0),
  kind text NOT NULL CONSTRAINT invoice_line_kind_known CHECK (kind IN ('usage', 'adjustment')),
  model text NOT NULL,
  price_id uuid CONSTRAINT invoice_line_price_fk REFERENCES price (id),
  amount_minor numeric(30) NOT NULL,
  CONSTRAINT invoice_line_pk PRIMARY KEY (tenant_id, invoice_id, line),
  CONSTRAINT invoice_line_invoice_fk FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoice (tenant_id, id)
);

-- What an invoice billed of calls whose final count had not come: the row of usage is replaced when it comes, so its
-- figures are kept here. The later invoice bills the difference; the key lets an estimate be billed once.
CREATE TABLE invoice_estimate (
  tenant_id uuid NOT NULL,
  day date NOT NULL,
  rid uuid NOT NULL,
  invoice_id uuid NOT NULL,
  price_id uuid CONSTRAINT invoice_estimate_price_fk REFERENCES price (id),
  prompt_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  cache_write_tokens bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  reasoning_tokens bigint NOT NULL,
  CONSTRAINT invoice_estimate_pk PRIMARY KEY (tenant_id, day, rid),
  CONSTRAINT invoice_estimate_invoice_fk FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoice (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);

-- Money given back of a line. `number` counts the notes of a line; two that race for one number cannot both be written.
CREATE TABLE credit_note (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL CONSTRAINT credit_note_id_key UNIQUE,
  invoice_id uuid NOT NULL,
  line integer NOT NULL,
  number integer NOT NULL,
  amount_minor numeric(30) NOT NULL CONSTRAINT credit_note_amount_positive CHECK (amount_minor > 0),
  reason text NOT NULL CONSTRAINT credit_note_reason_given CHECK (length(reason) BETWEEN 1 AND 500),
  created_at timestamptz NOT NULL,
  created_by uuid NOT NULL,
  CONSTRAINT credit_note_pk PRIMARY KEY (tenant_id, invoice_id, line, number),
  CONSTRAINT credit_note_line_fk FOREIGN KEY (tenant_id, invoice_id, line) REFERENCES invoice_line (tenant_id, invoice_id, line)
);

-- Runs at commit, for the invoice and for each line: a line that is added later fails here too.
CREATE FUNCTION check_invoice_adds_up() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    wanted uuid := CASE TG_TABLE_NAME WHEN 'invoice' THEN (to_jsonb(NEW) ->> 'id')::uuid ELSE (to_jsonb(NEW) ->> 'invoice_id')::uuid END;
  BEGIN
    IF NOT EXISTS (
      SELECT FROM invoice i
      WHERE i.tenant_id = NEW.tenant_id AND i.id = wanted
        AND (i.line_count, i.total_minor) = (SELECT count(*), coalesce(sum(l.amount_minor), 0) FROM invoice_line l WHERE l.tenant_id = NEW.tenant_id AND l.invoice_id = wanted)
    ) THEN
      RAISE EXCEPTION 'the lines of invoice % are not what it says', wanted USING ERRCODE = 'check_violation', CONSTRAINT = 'invoice_adds_up';
    END IF;
    RETURN NULL;
  END
  $$;
CREATE CONSTRAINT TRIGGER invoice_adds_up AFTER INSERT ON invoice DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_adds_up();
CREATE CONSTRAINT TRIGGER invoice_line_adds_up AFTER INSERT ON invoice_line DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_invoice_adds_up();

-- Refund ≤ billed − refunded. The advisory lock makes a second note of the same line wait for the first (our roles may not
-- lock rows that they may not change); its statements then see the first, or, under a snapshot that is older, its number is taken.
CREATE FUNCTION check_credit_is_covered() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  DECLARE
    billed numeric;
    refunded numeric;
    notes integer;
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tollgate credit ' || NEW.invoice_id || ' ' || NEW.line, 0));
    SELECT amount_minor INTO billed FROM invoice_line l WHERE l.tenant_id = NEW.tenant_id AND l.invoice_id = NEW.invoice_id AND l.line = NEW.line;
    SELECT coalesce(sum(c.amount_minor), 0), count(*) INTO refunded, notes FROM credit_note c WHERE c.tenant_id = NEW.tenant_id AND c.invoice_id = NEW.invoice_id AND c.line = NEW.line;
    IF NEW.amount_minor > billed - refunded THEN
      RAISE EXCEPTION 'line % has % left to refund', NEW.line, billed - refunded USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_note_is_covered';
    END IF;
    NEW.number := notes + 1;
    RETURN NEW;
  END
  $$;
CREATE TRIGGER credit_note_is_covered BEFORE INSERT ON credit_note FOR EACH ROW EXECUTE FUNCTION check_credit_is_covered();
REVOKE ALL ON FUNCTION check_invoice_adds_up(), check_credit_is_covered() FROM PUBLIC;

DO $$
DECLARE
  relation text;
BEGIN
  FOREACH relation IN ARRAY ARRAY['invoice', 'invoice_line', 'invoice_estimate', 'credit_note'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', relation);
    EXECUTE format('CREATE POLICY all_tenants ON %I FOR ALL TO tg_admin USING (true) WITH CHECK (true)', relation);
    EXECUTE format('CREATE POLICY tenant_isolation ON %I FOR SELECT TO tg_app, tg_report USING (tenant_id = current_tenant())', relation);
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_change()', relation || '_is_permanent', relation);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', relation || '_is_never_emptied', relation);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO tg_admin', relation);
  END LOOP;
END
$$;
GRANT SELECT ON invoice, invoice_line, credit_note TO tg_app, tg_report;
