import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { count, dateOfDay, plural, shortCount } from '../words.ts';

export interface Bar {
  /** A day of UTC, `2026-11-28`. */
  date: string;
  count: number;
}

// In pixels.
const HEIGHT = 180;
const LEFT = 40;
const BOTTOM = 22;
const TOP = 10;

/** Uses per day, one bar each. The arrow keys read the days, and a table holds the same. */
export function Chart({ bars }: { bars: readonly Bar[] }) {
  const [at, setAt] = useState<number | null>(null);
  const [width, setWidth] = useState(640);
  const area = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    if (area.current) observer.observe(area.current);
    return () => observer.disconnect();
  }, []);
  const top = ceiling(Math.max(...bars.map((bar) => bar.count)));
  const step = (width - LEFT) / bars.length;
  const y = (value: number) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const chosen = at === null ? undefined : bars[at];

  function onKeyDown(event: KeyboardEvent) {
    const from = at ?? bars.length;
    const to = { ArrowLeft: from - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setAt(Math.min(Math.max(to, 0), bars.length - 1));
  }

  return (
    <figure class="chart">
      <figcaption>
        <span aria-live="polite">
          {chosen ? (
            <>
              <strong>{dateOfDay(chosen.date)}</strong>: {plural(chosen.count, 'use')}
            </>
          ) : (
            <>
              <strong>{plural(total, 'use')}</strong> in the last {bars.length} days
            </>
          )}
        </span>
      </figcaption>
      <div
        ref={area}
        class="chart-area"
        role="img"
        aria-label={`Uses per day, ${plural(total, 'use')} in ${bars.length} days. Use the arrow keys to read them.`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setAt(null)}
        onMouseLeave={() => setAt(null)}
      >
        <svg viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
          {[0, top / 2, top].map((value) => (
            <g key={value} class="chart-grid">
              <line x1={LEFT} x2={width} y1={y(value)} y2={y(value)} />
              <text x={LEFT - 8} y={y(value) + 4} text-anchor="end">
                {shortCount(value)}
              </text>
            </g>
          ))}
          {bars.map((bar, index) => (
            <g key={bar.date} class={index === at ? 'chart-bar chosen' : 'chart-bar'} onMouseEnter={() => setAt(index)}>
              <rect class="chart-hit" x={LEFT + index * step} y={TOP} width={step} height={HEIGHT - TOP - BOTTOM} />
              {bar.count > 0 && (
                <rect
                  x={LEFT + index * step + step * 0.14}
                  y={Math.min(y(bar.count), y(0) - 2)}
                  width={step * 0.72}
                  height={Math.max(y(0) - y(bar.count), 2)}
                  rx="2.5"
                />
              )}
              {(bars.length - 1 - index) % (width < 400 ? 10 : 7) === 0 && (
                <text
                  x={index === bars.length - 1 ? width : LEFT + (index + 0.5) * step}
                  y={HEIGHT - 6}
                  text-anchor={index === bars.length - 1 ? 'end' : 'middle'}
                >
                  {dateOfDay(bar.date)}
                </text>
              )}
            </g>
          ))}
        </svg>
      </div>
      <table class="sr-only">
        <caption>Uses per day</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">Uses</th>
          </tr>
        </thead>
        <tbody>
          {bars
            .filter((bar) => bar.count > 0)
            .map((bar) => (
              <tr key={bar.date}>
                <th scope="row">{dateOfDay(bar.date)}</th>
                <td>{count(bar.count)}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </figure>
  );
}

/** The next round number of which the half is one, too. */
function ceiling(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [2, 4, 6, 8, 10, 20].map((factor) => factor * unit).find((round) => round >= value && round % 2 === 0) ?? value;
}
