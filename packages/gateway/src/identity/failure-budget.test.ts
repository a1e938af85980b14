import { describe, expect, it } from 'vitest'
import { createFailureBudget } from './failure-budget.ts'

function budgetOf(burst: number, periodSeconds: number) {
  let ms = 5_000
  const clock = { nowSeconds: () => 0, nowMs: () => 0, monotonicMs: () => ms }
  return {
    ...createFailureBudget(clock, { burst, periodSeconds }),
    advance: (seconds: number) => {
      ms += seconds * 1000
    },
  }
}

describe('a budget of failures', () => {
  it('lets so many happen at once, then one after another as it refills', () => {
    const budget = budgetOf(3, 30)
    for (let failure = 0; failure < 3; failure += 1) {
      expect(budget.waitSeconds('192.0.2.1')).toBe(0)
      budget.countFailure('192.0.2.1')
    }
    expect(budget.waitSeconds('192.0.2.1')).toBe(10)
    budget.advance(9)
    expect(budget.waitSeconds('192.0.2.1')).toBe(1)
    budget.advance(1)
    expect(budget.waitSeconds('192.0.2.1')).toBe(0)
    budget.countFailure('192.0.2.1')
    expect(budget.waitSeconds('192.0.2.1')).toBe(10)
  })

  it('is not overdrawn: a flood costs its address the period and no more', () => {
    const budget = budgetOf(3, 30)
    for (let failure = 0; failure < 10_000; failure += 1) budget.countFailure('192.0.2.1')
    budget.advance(30)
    expect(budget.waitSeconds('192.0.2.1')).toBe(0)
  })

  it('is one for a whole IPv6 /64, and another for everybody else', () => {
    const budget = budgetOf(1, 30)
    budget.countFailure('2001:db8:1:2::1')
    expect(budget.waitSeconds('2001:db8:1:2:ffff::2')).toBeGreaterThan(0)
    expect(budget.waitSeconds('2001:db8:1:3::1')).toBe(0)
    expect(budget.waitSeconds('192.0.2.1')).toBe(0)
  })
})
