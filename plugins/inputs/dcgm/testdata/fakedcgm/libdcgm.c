// A libdcgm.so.4 that lives in a file: what its hostengine and its GPUs do stands in the file that the variable
// GPULINE_FAKE_DCGM names, and is read at each call. It has the functions that inputs.dcgm calls, and no others.
// Lines of the file:
//
//	gpus N                    so many GPUs
//	epoch N                   another number: the hostengine was restarted
//	down                      nobody listens
//	paused                    dcgmi set --pause
//	hang                      a read of values never returns
//	lost N                    GPU N is not listed any more, and has no values
//	gone N                    GPU N is listed; its values have the status "GPU is lost"
//	mixed N                   GPU N is listed; its values have that status, but for those of 150 and 203
//	mute N                    GPU N is listed, and has no values
//	mig                       GPU 0 has two instances, one of which has two compute instances
//	unknown FIELD             the hostengine does not know a field
//	noprofiling               the cards have no profiling fields
//	xid N CODE USEC           an XID of GPU N
//	value N FIELD TEXT        what a field of GPU N says, in place of the formulas below
//	incident SYSTEM HEALTH CODE KIND ID TEXT
//	policy SEQ CONDITION N VALUE   fired once, by the thread of a listener
//	nopolicy                  no policy is set
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "dcgm_agent.h"
#include "dcgm_structs.h"

#define MOST 64

typedef struct {
	int gpus, epoch, down, paused, hang, mig, noprofiling, nopolicy;
	int lost[MOST], gone[MOST], mixed[MOST], mute[MOST];
	int unknowns, unknown[MOST];
	int xids;
	struct { int gpu, code; long long at; } xid[MOST];
	int incidents;
	struct { unsigned system, health, code, kind, id; char text[256]; } incident[MOST];
	int violations;
	struct { int seq, condition, gpu, value; } violation[MOST];
	int values;
	struct { int gpu, field; char text[64]; } value[4 * MOST];
} scene;

static void load(scene *s) {
	memset(s, 0, sizeof *s);
	const char *path = getenv("GPULINE_FAKE_DCGM");
	FILE *f = path ? fopen(path, "r") : NULL;
	if (!f) {
		s->down = 1;
		return;
	}
	char line[512], word[64];
	while (fgets(line, sizeof line, f)) {
		int n = 0, at = 0;
		if (sscanf(line, "%63s %n", word, &at) < 1)
			continue;
		const char *rest = line + at;
		sscanf(rest, "%d", &n);
		if (!strcmp(word, "gpus")) s->gpus = n;
		else if (!strcmp(word, "epoch")) s->epoch = n;
		else if (!strcmp(word, "down")) s->down = 1;
		else if (!strcmp(word, "paused")) s->paused = 1;
		else if (!strcmp(word, "hang")) s->hang = 1;
		else if (!strcmp(word, "mig")) s->mig = 1;
		else if (!strcmp(word, "noprofiling")) s->noprofiling = 1;
		else if (!strcmp(word, "nopolicy")) s->nopolicy = 1;
		else if (!strcmp(word, "lost")) s->lost[n] = 1;
		else if (!strcmp(word, "mixed")) s->mixed[n] = 1;
		else if (!strcmp(word, "gone")) s->gone[n] = 1;
		else if (!strcmp(word, "mute")) s->mute[n] = 1;
		else if (!strcmp(word, "unknown")) s->unknown[s->unknowns++] = n;
		else if (!strcmp(word, "xid")) {
			sscanf(rest, "%d %d %lld", &s->xid[s->xids].gpu, &s->xid[s->xids].code, &s->xid[s->xids].at);
			s->xids++;
		} else if (!strcmp(word, "value") && s->values < 4 * MOST) {
			sscanf(rest, "%d %d %63[^\n]", &s->value[s->values].gpu, &s->value[s->values].field, s->value[s->values].text);
			s->values++;
		} else if (!strcmp(word, "incident")) {
			sscanf(rest, "%u %u %u %u %u %255[^\n]", &s->incident[s->incidents].system, &s->incident[s->incidents].health,
			       &s->incident[s->incidents].code, &s->incident[s->incidents].kind, &s->incident[s->incidents].id, s->incident[s->incidents].text);
			s->incidents++;
		} else if (!strcmp(word, "policy")) {
			sscanf(rest, "%d %d %d %d", &s->violation[s->violations].seq, &s->violation[s->violations].condition,
			       &s->violation[s->violations].gpu, &s->violation[s->violations].value);
			s->violations++;
		}
	}
	fclose(f);
}

static long long now(void) {
	struct timeval t;
	gettimeofday(&t, NULL);
	return t.tv_sec * 1000000LL + t.tv_usec;
}

// What the hostengine keeps for its clients.
static struct { int used, count; dcgmGroupEntityPair_t entities[MOST]; int health; } groups[MOST];
static struct { int used, count; unsigned short ids[256]; } fields[MOST];
static struct { int used; unsigned group, field; long long every, start; double keep; } watches[MOST];
static int epoch;

static const dcgmHandle_t base = 0x7f000000;

// enter is how each call begins: it refuses a client of a hostengine that is no more.
static dcgmReturn_t enter(dcgmHandle_t h, scene *s) {
	load(s);
	if (s->down || h != base + s->epoch)
		return DCGM_ST_CONNECTION_NOT_VALID;
	return s->paused ? DCGM_ST_PAUSED : DCGM_ST_OK;
}

#define ENTER(h)                                  \
	scene s;                                  \
	dcgmReturn_t entered = enter((h), &s);    \
	if (entered != DCGM_ST_OK)                \
		return entered

DCGM_PUBLIC_API const char *errorString(dcgmReturn_t r) {
	switch (r) {
	case DCGM_ST_OK: return "Success";
	case DCGM_ST_CONNECTION_NOT_VALID: return "Host engine connection invalid/disconnected";
	case DCGM_ST_PAUSED: return "The hostengine and all modules are paused";
	case DCGM_ST_UNKNOWN_FIELD: return "Unknown field id";
	case DCGM_ST_PROFILING_NOT_SUPPORTED: return "Profiling is not supported for this group of GPUs or GPU";
	case DCGM_ST_NOT_CONFIGURED: return "Setting not configured";
	default: return "Generic unspecified error";
	}
}

dcgmReturn_t DCGM_PUBLIC_API dcgmInit(void) { return DCGM_ST_OK; }
dcgmReturn_t DCGM_PUBLIC_API dcgmShutdown(void) { return DCGM_ST_OK; }

dcgmReturn_t DCGM_PUBLIC_API dcgmConnect_v2(const char *address, dcgmConnectV2Params_t *params, dcgmHandle_t *h) {
	scene s;
	load(&s);
	if (s.down || strstr(address, "nowhere") || (params->addressIsUnixSocket != 0) != (address[0] == '/'))
		return DCGM_ST_CONNECTION_NOT_VALID;
	if (s.epoch != epoch) {
		memset(groups, 0, sizeof groups);
		memset(fields, 0, sizeof fields);
		memset(watches, 0, sizeof watches);
		epoch = s.epoch;
	}
	*h = base + s.epoch;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmDisconnect(dcgmHandle_t h) {
	ENTER(h);
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmStartEmbedded(dcgmOperationMode_t mode, dcgmHandle_t *h) {
	(void)mode;
	scene s;
	load(&s);
	*h = base + s.epoch;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmStopEmbedded(dcgmHandle_t h) { return dcgmDisconnect(h); }

dcgmReturn_t DCGM_PUBLIC_API dcgmGetAllSupportedDevices(dcgmHandle_t h, unsigned int ids[DCGM_MAX_NUM_DEVICES], int *count) {
	ENTER(h);
	*count = 0;
	for (int i = 0; i < s.gpus; i++)
		if (!s.lost[i])
			ids[(*count)++] = i;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmGetGpuInstanceHierarchy(dcgmHandle_t h, dcgmMigHierarchy_v2 *to) {
	ENTER(h);
	// kind, id, its parent's kind and id, and what NVML calls it.
	static const struct { int kind, id, parentKind, parent, gi, ci; } all[] = {
		{DCGM_FE_GPU_I, 0, DCGM_FE_GPU, 0, 1, -1},  {DCGM_FE_GPU_CI, 0, DCGM_FE_GPU_I, 0, 1, 0},
		{DCGM_FE_GPU_I, 1, DCGM_FE_GPU, 0, 2, -1},  {DCGM_FE_GPU_CI, 1, DCGM_FE_GPU_I, 1, 2, 0},
		{DCGM_FE_GPU_CI, 2, DCGM_FE_GPU_I, 1, 2, 1},
	};
	to->count = s.mig ? 5 : 0;
	for (unsigned i = 0; i < to->count; i++) {
		dcgmMigHierarchyInfo_v2 *e = &to->entityList[i];
		memset(e, 0, sizeof *e);
		e->entity.entityGroupId = all[i].kind;
		e->entity.entityId = all[i].id;
		e->parent.entityGroupId = all[i].parentKind;
		e->parent.entityId = all[i].parent;
		strcpy(e->info.gpuUuid, "GPU-fake-0");
		e->info.nvmlInstanceId = all[i].gi;
		e->info.nvmlComputeInstanceId = all[i].ci;
	}
	return DCGM_ST_OK;
}

static int isDouble(int id) {
	return id == 155 || id == 157 || (id >= 160 && id <= 164) || id == 254 || (id >= 1001 && id <= 1008) || id == 1016 || id == 1612;
}

static int isText(int id) { return id == 1 || id == 50 || id == 53 || id == 54 || id == 57 || id == 82 || id == 85; }

// told returns what the scene says that a field of a GPU is, or NULL.
static const char *told(const scene *s, int gpu, int id) {
	for (int i = 0; i < s->values; i++)
		if (s->value[i].gpu == gpu && s->value[i].field == id)
			return s->value[i].text;
	return NULL;
}

// fill sets the value of a field as it was at an instant. Tests know the formulas.
static void fill(const scene *s, int id, int gpu, long long at, unsigned short *type, int *status, void *to) {
	char *text = to;
	long long i64 = 1;
	double dbl = 250;
	*type = isDouble(id) ? DCGM_FT_DOUBLE : isText(id) ? DCGM_FT_STRING : DCGM_FT_INT64;
	*status = DCGM_ST_OK;
	const char *value = told(s, gpu, id);
	if (value) {
		i64 = strtoll(value, NULL, 10);
		dbl = strtod(value, NULL);
		if (isDouble(id))
			memcpy(to, &dbl, sizeof dbl);
		else if (isText(id))
			strcpy(text, value);
		else
			memcpy(to, &i64, sizeof i64);
		return;
	}
	switch (id) {
	case 1: strcpy(text, "550.163.01"); return;
	case 50: strcpy(text, "NVIDIA H100 80GB HBM3"); return;
	case 53: sprintf(text, "16520%d", gpu); return;
	case 54: sprintf(text, "GPU-fake-%d", gpu); return;
	case 57: sprintf(text, "00000000:%02X:00.0", 0x1a + gpu); return;
	case 82: strcpy(text, DCGM_STR_NOT_SUPPORTED); return;
	case 85: strcpy(text, "96.00.5E.00.01"); return;
	case 52: i64 = gpu; break;
	case 150: i64 = 40 + gpu; break;
	case 155: dbl = 100 + gpu; break;
	case 157: // the instant power, which GPU 1 does not have
		dbl = 200 + gpu + (at / 100000) % 10;
		if (gpu == 1) {
			dbl = DCGM_FP64_NOT_SUPPORTED;
			*status = DCGM_ST_NOT_SUPPORTED;
		}
		break;
	case 156: i64 = at / 1000; break; // mJ: 1 W
	case 203: i64 = at / 100000 % 101; break;
	case 204: i64 = DCGM_INT64_BLANK; break;
	case 206: i64 = 107; break;
	case 251: i64 = 60000; break;
	case 252: i64 = 20000; break;
	case 253: i64 = 1000; break;
	case 230: i64 = DCGM_INT64_BLANK; break;
	case 1523: case 310: case 311: i64 = 0; break;
	case 112: i64 = 4; break;
	default:
		if (id >= 1001 && id <= 1008)
			dbl = 0.25;
	}
	if (isDouble(id))
		memcpy(to, &dbl, sizeof dbl);
	else
		memcpy(to, &i64, sizeof i64);
}

dcgmReturn_t DCGM_PUBLIC_API dcgmEntitiesGetLatestValues(dcgmHandle_t h, dcgmGroupEntityPair_t entities[], unsigned int count,
		unsigned short ids[], unsigned int fieldCount, unsigned int flags, dcgmFieldValue_v2 values[]) {
	(void)flags;
	ENTER(h);
	for (unsigned e = 0; e < count; e++)
		for (unsigned f = 0; f < fieldCount; f++) {
			dcgmFieldValue_v2 *v = &values[e * fieldCount + f];
			memset(v, 0, sizeof *v);
			v->version = dcgmFieldValue_version2;
			v->entityGroupId = entities[e].entityGroupId;
			v->entityId = entities[e].entityId;
			v->fieldId = ids[f];
			v->ts = now();
			fill(&s, ids[f], entities[e].entityId, v->ts, &v->fieldType, &v->status, &v->value);
		}
	return DCGM_ST_OK;
}

static unsigned place(int used(int)) {
	for (unsigned i = 1; i < MOST; i++)
		if (!used(i))
			return i;
	return 0;
}

static int groupUsed(int i) { return groups[i].used; }
static int fieldUsed(int i) { return fields[i].used; }
static int watchUsed(int i) { return watches[i].used; }

dcgmReturn_t DCGM_PUBLIC_API dcgmGroupCreate(dcgmHandle_t h, dcgmGroupType_t type, const char *name, dcgmGpuGrp_t *to) {
	(void)type, (void)name;
	ENTER(h);
	unsigned i = place(groupUsed);
	if (!i)
		return DCGM_ST_MAX_LIMIT;
	memset(&groups[i], 0, sizeof groups[i]);
	groups[i].used = 1;
	*to = i;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmGroupDestroy(dcgmHandle_t h, dcgmGpuGrp_t g) {
	ENTER(h);
	groups[g].used = 0;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmGroupAddEntity(dcgmHandle_t h, dcgmGpuGrp_t g, dcgm_field_entity_group_t kind, dcgm_field_eid_t id) {
	ENTER(h);
	groups[g].entities[groups[g].count].entityGroupId = kind;
	groups[g].entities[groups[g].count++].entityId = id;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmFieldGroupCreate(dcgmHandle_t h, int count, const unsigned short *ids, const char *name, dcgmFieldGrp_t *to) {
	(void)name;
	ENTER(h);
	for (int f = 0; f < count; f++)
		for (int u = 0; u < s.unknowns; u++)
			if (ids[f] == s.unknown[u])
				return DCGM_ST_UNKNOWN_FIELD;
	unsigned i = place(fieldUsed);
	if (!i)
		return DCGM_ST_MAX_LIMIT;
	fields[i].used = 1;
	fields[i].count = count;
	memcpy(fields[i].ids, ids, count * sizeof *ids);
	*to = i;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmFieldGroupDestroy(dcgmHandle_t h, dcgmFieldGrp_t f) {
	ENTER(h);
	fields[f].used = 0;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmWatchFields(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmFieldGrp_t f, long long every, double keep, int samples) {
	(void)samples;
	ENTER(h);
	if (s.noprofiling && fields[f].ids[0] >= 1001)
		return DCGM_ST_PROFILING_NOT_SUPPORTED;
	unsigned i = place(watchUsed);
	if (!i)
		return DCGM_ST_MAX_LIMIT;
	watches[i].used = 1;
	watches[i].group = g;
	watches[i].field = f;
	watches[i].every = every;
	watches[i].keep = keep;
	watches[i].start = now();
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmUnwatchFields(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmFieldGrp_t f) {
	ENTER(h);
	for (int i = 1; i < MOST; i++)
		if (watches[i].used && watches[i].group == g && watches[i].field == f)
			watches[i].used = 0;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmUpdateAllFields(dcgmHandle_t h, int wait) {
	(void)wait;
	ENTER(h);
	return DCGM_ST_OK;
}

// give hands one value over.
static void give(const scene *s, const dcgmGroupEntityPair_t *e, int id, long long at, int status, const long long *i64, long long *next,
		dcgmFieldValueEntityEnumeration_f f, void *data) {
	dcgmFieldValue_v1 *v = calloc(1, sizeof *v);
	v->version = dcgmFieldValue_version1;
	v->fieldId = id;
	v->ts = at;
	fill(s, id, e->entityId, at, &v->fieldType, &v->status, &v->value);
	if (status != DCGM_ST_OK)
		v->status = status;
	if (i64)
		v->value.i64 = *i64;
	f(e->entityGroupId, e->entityId, v, 1, data);
	free(v);
	if (at >= *next)
		*next = at + 1;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmGetValuesSince_v2(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmFieldGrp_t fg, long long since, long long *next,
		dcgmFieldValueEntityEnumeration_f f, void *data) {
	ENTER(h);
	while (s.hang)
		sleep(1);
	long long until = now();
	*next = since;
	for (int i = 1; i < MOST; i++) {
		if (!watches[i].used || watches[i].group != g || watches[i].field != fg)
			continue;
		long long from = since > watches[i].start ? since : watches[i].start;
		long long kept = until - (long long)(watches[i].keep * 1e6);
		if (from < kept)
			from = kept;
		for (int e = 0; e < groups[g].count; e++) {
			const dcgmGroupEntityPair_t *entity = &groups[g].entities[e];
			int gpu = entity->entityGroupId == DCGM_FE_GPU ? (int)entity->entityId : 0;
			for (int k = 0; k < fields[fg].count; k++) {
				int id = fields[fg].ids[k];
				if (id == 230) {
					for (int x = 0; x < s.xids; x++)
						if (entity->entityGroupId == DCGM_FE_GPU && s.xid[x].gpu == gpu && s.xid[x].at >= since && s.xid[x].at <= until) {
							long long code = s.xid[x].code;
							give(&s, entity, id, s.xid[x].at, DCGM_ST_OK, &code, next, f, data);
						}
					continue;
				}
				if (s.lost[gpu] || s.mute[gpu])
					continue;
				long long every = watches[i].every, slip = 3 * k; // fields are read one after another
				for (long long at = (from + every - 1) / every * every; at + slip <= until; at += every)
					if (at + slip >= from)
						give(&s, entity, id, at + slip, s.gone[gpu] || (s.mixed[gpu] && id != 150 && id != 203) ? DCGM_ST_GPU_IS_LOST : DCGM_ST_OK, NULL, next, f, data);
			}
		}
	}
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmHealthSet(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmHealthSystems_t systems) {
	ENTER(h);
	groups[g].health = systems;
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmHealthCheck(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmHealthResponse_t *to) {
	ENTER(h);
	to->incidentCount = groups[g].health ? s.incidents : 0;
	for (unsigned i = 0; i < to->incidentCount; i++) {
		to->incidents[i].system = s.incident[i].system;
		to->incidents[i].health = s.incident[i].health;
		to->incidents[i].error.code = s.incident[i].code;
		to->incidents[i].entityInfo.entityGroupId = s.incident[i].kind;
		to->incidents[i].entityInfo.entityId = s.incident[i].id;
		strcpy(to->incidents[i].error.msg, s.incident[i].text);
	}
	return DCGM_ST_OK;
}

static struct { int on; pthread_t thread; fpRecvUpdates call; uint64_t data; dcgmPolicyCondition_t conditions; int told; } listener;

static void *listening(void *unused) {
	(void)unused;
	while (listener.on) {
		scene s;
		load(&s);
		for (int i = 0; i < s.violations; i++) {
			if (s.violation[i].seq <= listener.told || !(listener.conditions & s.violation[i].condition))
				continue;
			listener.told = s.violation[i].seq;
			dcgmPolicyCallbackResponse_t r;
			memset(&r, 0, sizeof r);
			r.version = dcgmPolicyCallbackResponse_version;
			r.condition = s.violation[i].condition;
			r.gpuId = s.violation[i].gpu;
			switch (r.condition) {
			case DCGM_POLICY_COND_DBE: r.val.dbe.timestamp = now(); r.val.dbe.numerrors = s.violation[i].value; break;
			case DCGM_POLICY_COND_PCI: r.val.pci.timestamp = now(); r.val.pci.counter = s.violation[i].value; break;
			case DCGM_POLICY_COND_MAX_PAGES_RETIRED: r.val.mpr.timestamp = now(); r.val.mpr.sbepages = s.violation[i].value; break;
			case DCGM_POLICY_COND_THERMAL: r.val.thermal.timestamp = now(); r.val.thermal.thermalViolation = s.violation[i].value; break;
			case DCGM_POLICY_COND_POWER: r.val.power.timestamp = now(); r.val.power.powerViolation = s.violation[i].value; break;
			case DCGM_POLICY_COND_NVLINK: r.val.nvlink.timestamp = now(); r.val.nvlink.counter = s.violation[i].value; break;
			default: break;
			}
			listener.call(&r, listener.data);
		}
		usleep(10000);
	}
	return NULL;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmPolicyRegister_v2(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmPolicyCondition_t conditions, fpRecvUpdates call, uint64_t data) {
	(void)g;
	ENTER(h);
	if (s.nopolicy)
		return DCGM_ST_NOT_CONFIGURED;
	if (listener.on)
		return DCGM_ST_IN_USE;
	listener.on = 1;
	listener.call = call;
	listener.data = data;
	listener.conditions = conditions;
	pthread_create(&listener.thread, NULL, listening, NULL);
	return DCGM_ST_OK;
}

dcgmReturn_t DCGM_PUBLIC_API dcgmPolicyUnregister(dcgmHandle_t h, dcgmGpuGrp_t g, dcgmPolicyCondition_t conditions) {
	(void)g, (void)conditions;
	if (listener.on) {
		listener.on = 0;
		pthread_join(listener.thread, NULL);
	}
	ENTER(h);
	return DCGM_ST_OK;
}
