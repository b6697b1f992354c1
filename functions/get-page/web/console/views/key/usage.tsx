import { ChartNoAxesColumn } from 'lucide';

import type { Usage } from '../../api/client.ts';
import { DAY, now } from '../../clock.ts';
import { type Bar, Chart } from '../../parts/chart.tsx';
import { Empty } from '../../parts/empty.tsx';
import { FailedLoad } from '../../parts/failure.tsx';
import { Skeleton } from '../../parts/skeleton.tsx';
import { type Resource, useResource } from '../../state/resource.ts';

const DAYS = 31;

export function UsageCard({ usage }: { usage: Resource<Usage> }) {
  const { data, failure, isLoading } = useResource(usage);
  return (
    <section class="card" aria-labelledby="usage">
      <h2 id="usage">Usage</h2>
      {failure.value && <FailedLoad failure={failure.value} isLoading={isLoading.value} retry={() => void usage.load()} />}
      {data.value
        ? shown(data.value, now.value)
        : !failure.value && <Skeleton lines={4} what="The usage" />}
    </section>
  );
}

function shown({ daily }: Usage, now: number) {
  if (daily.length > 0) return <Chart bars={everyDay(daily, now)} />;
  return (
    <Empty icon={ChartNoAxesColumn} title="No uses in the last 31 days">
      <p>Each accepted call with the key counts as one use. Days are those of UTC.</p>
    </Empty>
  );
}

/** The last days, also those without uses, oldest first. */
function everyDay(daily: Usage['daily'], now: number): Bar[] {
  return Array.from({ length: DAYS }, (_, index) => {
    const date = new Date(now - (DAYS - 1 - index) * DAY).toISOString().slice(0, 10);
    return { date, count: daily.find((day) => day.date === date)?.count ?? 0 };
  });
}
