package dcgm

// call is a function of DCGM's client library that this input needs, through github.com/NVIDIA/go-dcgm. One
// that the library lacks would end the process when it is called: it is looked up first.
type call uint8

const (
	callInit call = iota
	callShutdown
	callErrorText
	callConnect
	callDisconnect
	callStartEmbedded
	callStopEmbedded
	callDevices
	callLatest
	callGroupCreate
	callGroupAdd
	callGroupDestroy
	callFieldGroupCreate
	callFieldGroupDestroy
	callWatch
	callUnwatch
	callUpdate
	callValuesSince

	// What follows can be done without.
	callHierarchy
	callHealthSet
	callHealthCheck
	callPolicyRegister
	callPolicyUnregister

	calls
)

// firstOptional is the first call without which the input still works.
const firstOptional = callHierarchy

var callNames = [calls]string{
	callInit:              "dcgmInit",
	callShutdown:          "dcgmShutdown",
	callErrorText:         "errorString",
	callConnect:           "dcgmConnect_v2",
	callDisconnect:        "dcgmDisconnect",
	callStartEmbedded:     "dcgmStartEmbedded",
	callStopEmbedded:      "dcgmStopEmbedded",
	callDevices:           "dcgmGetAllSupportedDevices",
	callLatest:            "dcgmEntitiesGetLatestValues",
	callGroupCreate:       "dcgmGroupCreate",
	callGroupAdd:          "dcgmGroupAddEntity",
	callGroupDestroy:      "dcgmGroupDestroy",
	callFieldGroupCreate:  "dcgmFieldGroupCreate",
	callFieldGroupDestroy: "dcgmFieldGroupDestroy",
	callWatch:             "dcgmWatchFields",
	callUnwatch:           "dcgmUnwatchFields",
	callUpdate:            "dcgmUpdateAllFields",
	callValuesSince:       "dcgmGetValuesSince_v2",
	callHierarchy:         "dcgmGetGpuInstanceHierarchy",
	callHealthSet:         "dcgmHealthSet",
	callHealthCheck:       "dcgmHealthCheck",
	callPolicyRegister:    "dcgmPolicyRegister_v2",
	callPolicyUnregister:  "dcgmPolicyUnregister",
}
