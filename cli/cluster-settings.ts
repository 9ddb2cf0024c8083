import { readKafkaSettings } from '../ingest/settings.ts';
import type { KafkaSettings } from '../ingest/settings.ts';
import { Problem } from '../model/problem.ts';
import { readStoreSettings } from '../store/settings.ts';
import type { StoreServer } from '../store/settings.ts';

/** Where the log and the store of a cluster are. */
export interface ClusterSettings {
  readonly kafka: KafkaSettings;
  readonly clickhouse: StoreServer;
}

/**
 * Reads both from the environment. A Problem of code `configuration` tells all that is missing or wrong at once, one line
 * each, with the command whose `--help` teaches the settings.
 */
export function readClusterSettings(command: string): ClusterSettings {
  const faults: string[] = [];
  const read = <T>(reading: () => T | undefined, missing: string): T | undefined => {
    try {
      const found = reading();
      if (found === undefined) faults.push(missing);
      return found;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      faults.push(error.message);
      return undefined;
    }
  };
  const kafka = read(() => readKafkaSettings(), 'CUSTODY_KAFKA_BROKERS names no broker');
  const clickhouse = read(() => readStoreSettings(), 'CUSTODY_CLICKHOUSE_URL names no server');
  if (!kafka || !clickhouse) throw new Problem('configuration', `${faults.join('\n')}\nSee: custody ${command} --help`);
  return { kafka, clickhouse };
}

/** Where the store is, for a process that needs no log; the same faults. */
export function readStoreServer(command: string): StoreServer {
  const see = `See: custody ${command} --help`;
  const found = readStoreSettings();
  if (!found) throw new Problem('configuration', `CUSTODY_CLICKHOUSE_URL names no server\n${see}`);
  return found;
}

/** The settings of Kafka, as `--help` tells them. */
export const KAFKA_SETTINGS_HELP = `
  CUSTODY_KAFKA_BROKERS               host:port, with commas between them
  CUSTODY_KAFKA_TOPIC_PREFIX          what the names of the topics, and of the group, begin with; nothing if left out
  CUSTODY_KAFKA_SASL, _USERNAME, _PASSWORD_FILE, _TLS, _TLS_CA_FILE, _TLS_CERT_FILE, _TLS_KEY_FILE
                                      how to speak with them: custody topics --help`.slice(1);
