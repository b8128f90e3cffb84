import type { Names } from './names.js'
import { nowMs, type Routine, routine } from './routine.js'

const steps = ({ budgets, budgetSlots, budgetDemands }: Names): readonly Routine[] => [
  {
    name: 'take_budget',
    takes: `p_bucket text, p_slot text, p_limit double precision, p_window_ms double precision,
  p_slot_ms double precision, p_is_caller boolean, p_reserve double precision, p_member text,
  p_waiting double precision`,
    declares: `
  counted_ms double precision := p_window_ms + p_slot_ms;
  usable double precision := CASE WHEN p_is_caller THEN p_limit ELSE p_limit - p_reserve END;
  blocked_ms double precision; used double precision; others double precision; own double precision;
  is_blocked boolean; is_behind boolean; is_granted boolean;
  freed_by_ms double precision; free_at_ms double precision; soonest_ms double precision := 0;`,
    body: `
  LOOP
    SELECT blocked_until_ms INTO blocked_ms FROM ${budgets} WHERE bucket = p_bucket FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO ${budgets} (bucket, blocked_until_ms) VALUES (p_bucket, 0) ON CONFLICT DO NOTHING;
  END LOOP;
  now_ms := ${nowMs};

  DELETE FROM ${budgetSlots}
  WHERE bucket = p_bucket AND (slot = p_slot OR granted_at_ms <= now_ms - counted_ms);
  -- A clock that stepped back must not keep slots of the future for ever: they count as granted now.
  UPDATE ${budgetSlots} SET granted_at_ms = now_ms WHERE bucket = p_bucket AND granted_at_ms > now_ms;
  SELECT count(*) INTO used FROM ${budgetSlots} WHERE bucket = p_bucket;

  -- Who waits comes back within a window; who did not is gone, and must not hold up the others.
  DELETE FROM ${budgetDemands}
  WHERE bucket = p_bucket AND (member = p_member OR abs(now_ms - seen_at_ms) > 2 * counted_ms);
  SELECT coalesce(sum(waiting), 0) + p_waiting INTO others FROM ${budgetDemands} WHERE bucket = p_bucket;

  is_blocked := now_ms < blocked_ms;
  is_behind := NOT p_is_caller AND others > 0;
  is_granted := NOT is_blocked AND NOT is_behind AND used < usable;
  own := p_waiting + CASE WHEN p_is_caller AND NOT is_granted THEN 1 ELSE 0 END;
  IF own > 0 THEN
    INSERT INTO ${budgetDemands} (bucket, member, waiting, seen_at_ms)
    VALUES (p_bucket, p_member, own, now_ms);
  END IF;
  IF is_granted THEN
    INSERT INTO ${budgetSlots} (bucket, slot, granted_at_ms) VALUES (p_bucket, p_slot, now_ms);
    answer := json_build_object('status', 'granted', 'nowMs', now_ms,
      'validUntilMs', now_ms + p_slot_ms, 'waiting', others)::text;
    RETURN;
  END IF;

  free_at_ms := now_ms;
  IF used >= usable AND used > 0 THEN
    SELECT granted_at_ms INTO freed_by_ms FROM ${budgetSlots} WHERE bucket = p_bucket
    ORDER BY ordinal OFFSET (used - greatest(usable, 1))::bigint LIMIT 1;
    free_at_ms := freed_by_ms + counted_ms;
  END IF;
  -- Nothing tells when the last waiting caller is served: look again a few times a window.
  IF NOT is_blocked AND (is_behind OR free_at_ms = now_ms) THEN
    soonest_ms := now_ms + greatest(1, p_window_ms / 10);
  END IF;
  answer := json_build_object('status', 'wait', 'nowMs', now_ms,
    'untilMs', greatest(blocked_ms, free_at_ms, soonest_ms), 'waiting', others)::text;`,
  },
  {
    name: 'penalize',
    takes: 'p_bucket text, p_until_ms double precision',
    body: `
  INSERT INTO ${budgets} AS b (bucket, blocked_until_ms) VALUES (p_bucket, greatest(0, p_until_ms))
  ON CONFLICT (bucket) DO UPDATE SET
    blocked_until_ms = greatest(b.blocked_until_ms, excluded.blocked_until_ms);`,
  },
]

/** The steps of `budget-steps.ts` of core; all who ask of one bucket wait for the lock of its row. */
export function budgetRoutines(names: Names): string[] {
  return steps(names).map((step) => routine(names, step))
}
