-- A tenant that opts in has the whole, unstreamed answers of its keyed calls kept sealed beside their keys, for as long as
-- those (24 hours), so that a repeated key gets its answer again (libs/idempotency/README.md).
ALTER TABLE tenant ADD COLUMN replays_answers boolean NOT NULL DEFAULT false;
