/** Lines in the place of a text that is loading. */
export function Skeleton({ lines = 3, what }: { lines?: number; what: string }) {
  return (
    <div class="skeleton" role="status">
      <span class="sr-only">{what} is loading.</span>
      {Array.from({ length: lines }, (_, line) => (
        <span class="skeleton-line" key={line} />
      ))}
    </div>
  );
}
