package vocabulary

// threshold says how a rule stands. It bears the tags TagRule and, of a rule on results, TagRuleWindow
// besides those of what the rule watches.
var threshold = []Reading{
	{
		Field: code("active", ""), Metric: Threshold, Bounded: true, Max: 1,
		Help: "1 while the rule is active, else 0; told at each change, and every minute.",
	},
}
