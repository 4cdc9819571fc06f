"""What the tests of importing share: a small plan, the real one where it lies, and one call."""

from __future__ import annotations

from pathlib import Path

import pytest

from releasecontrol.plan.apply import Applied, apply
from releasecontrol.plan.parse import parse_plan
from releases.timeline import Actor

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "plans" / "phase-12-cutover.md"
OWN = Path(__file__).resolve().parents[2] / "releasecontrol" / "examples" / "plan.md"

real_plan = pytest.mark.skipif(
    not REAL.is_file(), reason="the real plan lies beside the checkout, and is not here"
)

SMALL = """\
# Move the shop

**Branch:** `shop-v2`
**Target:** The shop on its new tables

## Environment Variables

```bash
ENABLE_SHOP_V2=true
SHOP_V2_ROLLOUT_PERCENTAGE=10
```

## Database Migrations

**Apply Migrations:**
```bash
psql $DATABASE_URL -f db/001_create_shelves.sql
psql $DATABASE_URL -f db/002_fill_shelves.sql
```

### Migration Scripts

#### 1. Link orders
```sql
UPDATE orders SET shelf_id = :shelf;
```

## Gradual Rollout Plan

**Week 1: 10% of users**
- Monitor error rates

**Week 2: 100% of users**
- Complete rollout

## Monitoring

**Application Metrics:**
- Error rate (target: < 1%)
- Orders an hour

**Critical Alerts:**
- Error rate > 5% → Page on-call engineer

## Smoke Tests

```bash
# 1. List the shelves
curl https://shop.example/api/shelves -H "Authorization: Bearer $TOKEN"
```

## Deployment Checklist

### Pre-Deployment

**Database:**
- [ ] Backup created
- [x] Scripts reviewed

### During Deployment

**Steps:**
1. [ ] Stop the importer
2. [ ] Run the scripts
3. [ ] Start the importer
"""


def import_text(
    text: str | bytes,
    *,
    slug: str = "shop",
    actor: Actor | None = None,
    scripts: dict[str, str] | None = None,
) -> Applied:
    source = text if isinstance(text, bytes) else text.encode()
    return apply(
        parse_plan(source),
        slug=slug,
        title="",
        actor=actor or Actor.command("test"),
        filename="plan.md",
        source_bytes=source,
        scripts=scripts or {},
    )
