// Package window cuts the samples of each series into windows in event time, for the processors that
// reduce them: average and peak. It knows time, order and edges; what is computed of a window is a
// [Statistics].
//
// Samples of a series wait in order of time, in its line. A window [start, end) closes when the series'
// watermark, its newest sample less the lateness, reaches the end. Then the samples that are older than
// the end are folded, pane by pane (a pane is as long as windows are apart), and the panes that the
// window consists of are merged. A statistic sees runs: the samples of one field in a span of time, in
// order, with the time for which each holds. So no statistic deals with late or missing samples, edges,
// schemas or types.
//
// A sample that comes while one of its windows is open is put where it belongs, and the result is the
// same as if it had come in order. Where its pane has been folded already (only sliding windows have
// such panes), the panes are folded anew from the samples, which wait until their last window closes.
// A series keeps a bounded number of samples older than its watermark; what is older than those is late.
package window
