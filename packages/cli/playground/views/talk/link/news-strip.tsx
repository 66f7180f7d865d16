import { formatCount, formatDuration, formatRate, formatSeconds, plural } from '../../../format.js';
import { ToClientIcon, ToServerIcon } from '../../../shell/icons.js';
import { useStore, type Store } from '../../../store.js';
import type { News } from '../../../../src/talk/messages.js';

/** What the server tells by itself every two seconds, while everything else goes on. */
export function NewsStrip({ news }: { readonly news: Store<News | null> }) {
  const latest = useStore(news);
  return (
    <section class="news numbers" aria-label="News from the server">
      {/* The key makes a new mark of it each time, so that its short animation runs again. */}
      <span key={latest?.time} class="news-mark">
        <ToClientIcon />
      </span>
      {latest ? <NewsItems news={latest} /> : <span>Waiting for the server’s first news</span>}
    </section>
  );
}

function NewsItems({ news }: { readonly news: News }) {
  return (
    <ul class="news-items">
      <li>
        <span class="news-minor">Server time </span>
        {formatSeconds(news.time)}
      </li>
      <li class="news-minor">up {formatDuration(news.uptime)}</li>
      <li>{plural(news.people, 'person', 'people')}</li>
      <li>{plural(news.said, 'message', 'messages')}</li>
      <li>{plural(news.strokes, 'stroke', 'strokes')}</li>
      <li class="news-minor news-rate">
        All connections <ToServerIcon /> <span class="unseen">Received by the server: </span>
        {formatCount(news.toServer.messages)} msg/s, {formatRate(news.toServer.bytes)}
      </li>
      <li class="news-minor news-rate">
        <ToClientIcon /> <span class="unseen">Sent by the server: </span>
        {formatCount(news.toClients.messages)} msg/s, {formatRate(news.toClients.bytes)}
      </li>
    </ul>
  );
}
