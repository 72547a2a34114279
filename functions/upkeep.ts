import { app } from '@azure/functions';
import { theApp } from './app.ts';

/** Deletes what is older than its organization wants it kept. */
app.timer('retain', {
  schedule: '%FIELDCHECK_RETENTION_SCHEDULE%',
  handler: async () => {
    await theApp().retain();
  },
});

/** Once a day: that all is running, in the log and to the channels that ask for it. */
app.timer('heartbeat', {
  schedule: '%FIELDCHECK_HEARTBEAT_SCHEDULE%',
  handler: async () => {
    await theApp().heartbeat();
  },
});
