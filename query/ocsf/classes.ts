import type { Action } from '../../model/action.ts';

/**
 * The table of sources.md 2.6: our actions as classes and activities of OCSF 1.8.0, with the place that 1.9 offers in
 * its stead where there is one. An action that is none of ours is a call of an API whose activity is named in words.
 */

/** The version of OCSF to which every exported event keeps. */
export const OCSF_VERSION = '1.8.0';

const ACTIVITIES = {
  3001: ['Unknown', 'Create', 'Enable', 'Password Change', 'Password Reset', 'Disable', 'Delete'],
  3002: [
    'Unknown',
    'Logon',
    'Logoff',
    'Authentication Ticket',
    'Service Ticket Request',
    'Service Ticket Renew',
    'Preauth',
    'Account Switch',
  ],
  3003: ['Unknown', 'Assign Privileges', 'Assign Groups'],
  3004: [
    'Unknown',
    'Create',
    'Read',
    'Update',
    'Delete',
    'Move',
    'Enroll',
    'Unenroll',
    'Enable',
    'Disable',
    'Activate',
    'Deactivate',
  ],
  3005: ['Unknown', 'Assign Privileges', 'Revoke Privileges'],
  3006: ['Unknown', 'Assign Privileges', 'Revoke Privileges', 'Add User', 'Remove User'],
  6001: ['Unknown', 'Create', 'Read', 'Update', 'Delete', 'Search', 'Import', 'Export'],
  6002: ['Unknown', 'Install', 'Remove', 'Start', 'Stop', 'Restart', 'Enable', 'Disable', 'Update'],
  6003: ['Unknown', 'Create', 'Read', 'Update', 'Delete'],
} as const;

/** `class_uid` of the classes that are used; `category_uid` is its thousands (3 identity, 6 application). */
export type ClassUid = keyof typeof ACTIVITIES;

export const CLASS_NAMES: Readonly<Record<ClassUid, string>> = {
  3001: 'Account Change',
  3002: 'Authentication',
  3003: 'Authorize Session',
  3004: 'Entity Management',
  3005: 'User Access Management',
  3006: 'Group Management',
  6001: 'Web Resources Activity',
  6002: 'Application Lifecycle',
  6003: 'API Activity',
};

/** Where an action stands. `later` is `class_uid/activity_id` of OCSF 1.9, for whoever moves on. */
export interface OcsfPlace {
  readonly classUid: ClassUid;
  readonly activityId: number;
  readonly later?: string;
}

/** The activity that no class knows; its name is then the action's own. */
export const OTHER_ACTIVITY = 99;

const place = (classUid: ClassUid, activityId: number, later?: string): OcsfPlace => ({
  classUid,
  activityId,
  ...(later === undefined ? {} : { later }),
});

/** Every action has a place; the type makes sure that a new one gets it. */
export const OCSF_PLACES: Readonly<Record<Action, OcsfPlace>> = {
  'session.login': place(3002, 1),
  'session.logout': place(3002, 2),
  'session.assume': place(3002, 7),
  'session.revoke': place(3002, 2),
  'access.request': place(3004, 1),
  'access.approve': place(3004, 3),
  'access.deny': place(3004, 3),
  'access.expire': place(3004, 11),
  'access.cancel': place(3004, 11),
  'access.grant': place(3005, 1, '3007/16'),
  'access.revoke': place(3005, 2, '3007/17'),
  'access.review': place(3004, 3),
  'group.member.add': place(3006, 3),
  'group.member.remove': place(3006, 4),
  'pipeline.create': place(6002, 3),
  'pipeline.update': place(6002, 8),
  'pipeline.finish': place(6002, 4),
  'job.start': place(6002, 3),
  'job.update': place(6002, 8),
  'job.finish': place(6002, 4),
  'deployment.request': place(3004, 1),
  'deployment.approve': place(3004, 3),
  'deployment.reject': place(3004, 3),
  'deployment.start': place(6002, 3),
  'deployment.finish': place(6002, 8),
  'merge_request.open': place(3004, 1),
  'merge_request.update': place(3004, 3),
  'merge_request.approve': place(3004, 3),
  'merge_request.unapprove': place(3004, 3),
  'merge_request.merge': place(3004, 3),
  'token.request': place(3002, 4),
  'token.issue': place(3002, 3, '3007/18'),
  'token.exchange': place(3002, 3, '3007/18'),
  'token.renew': place(3002, 5),
  'token.use': place(6003, OTHER_ACTIVITY),
  'token.revoke': place(3004, 11, '3007/19'),
  'token.expire': place(3004, 11, '3007/19'),
  'credential.create': place(3004, 1, '3007/18'),
  'credential.rotate': place(3004, 3, '3007/18'),
  'credential.delete': place(3004, 4, '3007/19'),
  'api.create': place(6003, 1),
  'api.read': place(6003, 2),
  'api.update': place(6003, 3),
  'api.delete': place(6003, 4),
  'secret.read': place(6003, 2, '6005'),
  'secret.write': place(6003, 3, '6005'),
  'secret.delete': place(6003, 4, '6005'),
  'secret.list': place(6003, 2, '6005'),
  'repo.read': place(6001, 2),
  'repo.write': place(6001, 3),
  'artifact.download': place(6001, 7),
  'exec.session.start': place(3003, OTHER_ACTIVITY),
  'exec.session.end': place(6002, 4),
  'config.change': place(3004, 3),
  'member.change': place(3001, OTHER_ACTIVITY, '3007'),
  'user.change': place(3001, OTHER_ACTIVITY, '3007'),
  'identity.merge': place(3001, OTHER_ACTIVITY, '3007'),
  'identity.split': place(3001, OTHER_ACTIVITY, '3007'),
  'identity.state': place(3001, OTHER_ACTIVITY, '3007'),
  'user.deactivate': place(3001, 5, '3007'),
  'user.reactivate': place(3001, 2, '3007'),
  'evidence.access': place(3004, 2),
  other: place(6003, OTHER_ACTIVITY),
};

/** The name of an activity; of activity 99 the action itself, as OCSF asks for. */
export function activityName(action: string, { classUid, activityId }: OcsfPlace): string {
  return ACTIVITIES[classUid][activityId] ?? action;
}
