package vocabulary

// activity says how busy the engines of a device are.
var activity = []Reading{
	{
		Field: gauge("up", ""), Metric: GPU, Bounded: true, Max: 1,
		Help: "1 while the device answers, 0 once it is lost.",
		NVML: "any call: 0 on NVML_ERROR_GPU_IS_LOST",
	},
	{
		Field: gauge("utilization_ratio", "ratio"), Metric: GPU,
		Help: "Share of the driver's last sample period in which a kernel ran.",
		NVML: "GetSamples(GPU_UTILIZATION), GetUtilizationRates", XML: "utilization/gpu_util", CSV: "utilization.gpu", SMIFactor: percent,
		DCGM:     DCGM{203, "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL_RATIO", percent},
		Telegraf: Telegraf{"utilization_gpu", percent},
	},
	{
		Field: gauge("memory_activity_ratio", "ratio"), Metric: GPU,
		Help: "Share of the driver's last sample period in which device memory was read or written.",
		NVML: "GetSamples(MEMORY_UTILIZATION), GetUtilizationRates", XML: "utilization/memory_util", CSV: "utilization.memory", SMIFactor: percent,
		DCGM:     DCGM{204, "DCGM_FI_DEV_MEM_COPY_UTIL", "", percent},
		Telegraf: Telegraf{"utilization_memory", percent},
	},
	{
		Field: gauge("encoder_ratio", "ratio"), Metric: GPU,
		Help: "Share of the sample period in which the video encoder worked.",
		NVML: "GetEncoderUtilization", XML: "utilization/encoder_util", CSV: "utilization.encoder", SMIFactor: percent,
		DCGM:     DCGM{206, "DCGM_FI_DEV_ENC_UTIL", "", percent},
		Telegraf: Telegraf{"utilization_encoder", percent},
	},
	{
		Field: gauge("decoder_ratio", "ratio"), Metric: GPU,
		Help: "Share of the sample period in which the video decoder worked.",
		NVML: "GetDecoderUtilization", XML: "utilization/decoder_util", CSV: "utilization.decoder", SMIFactor: percent,
		DCGM:     DCGM{207, "DCGM_FI_DEV_DEC_UTIL", "", percent},
		Telegraf: Telegraf{"utilization_decoder", percent},
	},
	{
		Field: gauge("jpeg_ratio", "ratio"), Metric: GPU,
		Help: "Share of the sample period in which the JPEG engine worked.",
		NVML: "GetJpgUtilization", XML: "utilization/jpeg_util", CSV: "utilization.jpeg", SMIFactor: percent,
		Telegraf: Telegraf{"utilization_jpeg", percent},
	},
	{
		Field: gauge("ofa_ratio", "ratio"), Metric: GPU,
		Help: "Share of the sample period in which the optical flow engine worked.",
		NVML: "GetOfaUtilization", XML: "utilization/ofa_util", CSV: "utilization.ofa", SMIFactor: percent,
		Telegraf: Telegraf{"utilization_ofa", percent},
	},
	{
		Field: gauge("graphics_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of time in which a graphics or compute context was active.",
		NVML: "GPM 1 GRAPHICS_UTIL",
		DCGM: DCGM{1001, "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", 1},
	},
	{
		Field: gauge("sm_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which a multiprocessor had at least one warp, averaged over all of them.",
		NVML: "GPM 2 SM_UTIL",
		DCGM: DCGM{1002, "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_SM_UTIL_RATIO", 1},
	},
	{
		Field: gauge("sm_occupancy_ratio", "ratio"), Metric: GPU,
		Help: "Resident warps in relation to the most that the multiprocessors can hold.",
		NVML: "GPM 3 SM_OCCUPANCY",
		DCGM: DCGM{1003, "DCGM_FI_PROF_SM_OCCUPANCY", "DCGM_FI_PROF_SM_OCCUPANCY_RATIO", 1},
	},
	{
		Field: gauge("tensor_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which a tensor pipe was active.",
		NVML: "GPM 5 ANY_TENSOR_UTIL",
		DCGM: DCGM{1004, "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "DCGM_FI_PROF_TENSOR_UTIL_RATIO", 1},
	},
	{
		Field: gauge("dram_active_ratio", "ratio"), Metric: GPU,
		Help: "Device memory bandwidth used, in relation to the most that is possible.",
		NVML: "GPM 10 DRAM_BW_UTIL",
		DCGM: DCGM{1005, "DCGM_FI_PROF_DRAM_ACTIVE", "DCGM_FI_PROF_DRAM_UTIL_RATIO", 1},
	},
	{
		Field: gauge("fp64_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which the FP64 pipe was active, tensor cores aside.",
		NVML: "GPM 11 FP64_UTIL",
		DCGM: DCGM{1006, "DCGM_FI_PROF_PIPE_FP64_ACTIVE", "DCGM_FI_PROF_FP64_UTIL_RATIO", 1},
	},
	{
		Field: gauge("fp32_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which the FP32 pipe was active.",
		NVML: "GPM 12 FP32_UTIL",
		DCGM: DCGM{1007, "DCGM_FI_PROF_PIPE_FP32_ACTIVE", "DCGM_FI_PROF_FP32_UTIL_RATIO", 1},
	},
	{
		Field: gauge("fp16_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which the FP16 pipe was active, tensor cores aside.",
		NVML: "GPM 13 FP16_UTIL",
		DCGM: DCGM{1008, "DCGM_FI_PROF_PIPE_FP16_ACTIVE", "DCGM_FI_PROF_FP16_UTIL_RATIO", 1},
	},
	{
		Field: gauge("integer_active_ratio", "ratio"), Metric: GPU,
		Help: "Share of cycles in which the multiprocessors did integer operations.",
		NVML: "GPM 4 INTEGER_UTIL",
	},
	{
		Field: gauge("encoder_sessions", ""), Metric: GPU,
		Help: "Video encoder sessions.",
		NVML: "GetEncoderStats", XML: "encoder_stats/session_count", CSV: "encoder.stats.sessionCount",
		Telegraf: Telegraf{"encoder_stats_session_count", 1},
	},
	{
		Field: gauge("encoder_fps", ""), Metric: GPU,
		Help: "Frames per second of the video encoder, averaged over its sessions.",
		NVML: "GetEncoderStats", XML: "encoder_stats/average_fps", CSV: "encoder.stats.averageFps",
		Telegraf: Telegraf{"encoder_stats_average_fps", 1},
	},
	{
		Field: gauge("encoder_latency_seconds", "seconds"), Metric: GPU,
		Help: "Latency of the video encoder, averaged over its sessions.",
		NVML: "GetEncoderStats", XML: "encoder_stats/average_latency", CSV: "encoder.stats.averageLatency", SMIFactor: micro,
		Telegraf: Telegraf{"encoder_stats_average_latency", micro},
	},
	{
		Field: gauge("capture_sessions", ""), Metric: GPU,
		Help: "Frame buffer capture sessions.",
		NVML: "GetFBCStats", XML: "fbc_stats/session_count",
		Telegraf: Telegraf{"fbc_stats_session_count", 1},
	},
	{
		Field: gauge("capture_fps", ""), Metric: GPU,
		Help: "Frames per second of frame buffer capture, averaged over its sessions.",
		NVML: "GetFBCStats", XML: "fbc_stats/average_fps",
		Telegraf: Telegraf{"fbc_stats_average_fps", 1},
	},
	{
		Field: gauge("capture_latency_seconds", "seconds"), Metric: GPU,
		Help: "Latency of frame buffer capture, averaged over its sessions.",
		NVML: "GetFBCStats", XML: "fbc_stats/average_latency", SMIFactor: micro,
		Telegraf: Telegraf{"fbc_stats_average_latency", micro},
	},
}
