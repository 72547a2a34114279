// What the Functions host loads: every trigger registers itself on import.
import './app.ts';
import './baselines.ts';
import './deliveries.ts';
import './doctor.ts';
import './due-runs.ts';
import './evaluations.ts';
import './facts.ts';
import './health.ts';
import './interface.ts';
import './organizations.ts';
import './reports.ts';
import './runs.ts';
import './slices.ts';
import './subjects.ts';
import './upkeep.ts';
