import { app } from '@azure/functions';
import { theApp } from './app.ts';

/** Starts the runs whose schedule has come due. Called twice for a slot it starts nothing the second time. */
app.timer('startDueRuns', {
  schedule: '%FIELDCHECK_DUE_SCHEDULE%',
  handler: async () => {
    await theApp().startDueRuns();
  },
});
