-- A change of a tenant's time zone counts from its next budget period (libs/limits/README.md), or whoever may change the
-- zone could open tomorrow's budget today. So the zones it had are kept, each with the instant it was left; the database
-- writes them, whoever changes the zone. What is older than any running period can be is forgotten at the next change.
ALTER TABLE tenant ADD COLUMN former_zones jsonb NOT NULL DEFAULT '[]' CONSTRAINT tenant_former_zones_list CHECK (jsonb_typeof(former_zones) = 'array');

CREATE FUNCTION keep_former_zone() RETURNS trigger
  LANGUAGE plpgsql SET search_path = public, pg_temp
  AS $$
  BEGIN
    NEW.former_zones := OLD.former_zones;
    IF NEW.time_zone <> OLD.time_zone THEN
      NEW.former_zones := (
        SELECT coalesce(jsonb_agg(z.entry ORDER BY z.at), '[]')
        FROM jsonb_array_elements(OLD.former_zones) WITH ORDINALITY AS z(entry, at)
        WHERE (z.entry ->> 'until')::timestamptz > clock_timestamp() - interval '100 days'
      ) || jsonb_build_object('zone', OLD.time_zone, 'until', clock_timestamp());
    END IF;
    RETURN NEW;
  END
  $$;
CREATE TRIGGER tenant_keeps_former_zone BEFORE UPDATE ON tenant FOR EACH ROW
  WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone OR OLD.former_zones IS DISTINCT FROM NEW.former_zones) EXECUTE FUNCTION keep_former_zone();
REVOKE ALL ON FUNCTION keep_former_zone() FROM PUBLIC;
