// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/regent-ha/regent/internal/status"
)

// snapshotLimit is how long a scrape waits for the daemon.
const snapshotLimit = 3 * time.Second

// collector reads a snapshot for each scrape.
type collector struct {
	snapshot func(context.Context) (status.Snapshot, error)
	families []Family
	descs    []*prometheus.Desc // of the families, then of the histograms

	histograms []Histogram
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotLimit)
	defer cancel()
	s, err := c.snapshot(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(c.descs[0], fmt.Errorf("the daemon is busy or ends: %w", err))
		return
	}
	for i, h := range c.histograms {
		to <- histogram(c.descs[len(c.families)+i], h.read(&s))
	}
	for i, f := range c.families {
		f.read(&s, func(value float64, labels ...string) {
			m, err := prometheus.NewConstMetric(c.descs[i], f.Type, value, labels...)
			if err != nil { // a name that is no UTF-8
				m = prometheus.NewInvalidMetric(c.descs[i], err)
			}
			to <- m
		})
	}
}

// histogram gives a lateness the form of Prometheus, whose buckets are cumulative.
func histogram(d *prometheus.Desc, l status.Lateness) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range l.Counts {
		total += n
		if i < len(l.Bounds) {
			buckets[l.Bounds[i]] = total
		}
	}
	m, err := prometheus.NewConstHistogram(d, total, l.Sum, buckets)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return m
}

// Handler serves the metrics, those of the Go runtime and of the process too, and with compatible those of keepalived-exporter.
func Handler(log *slog.Logger, snapshot func(context.Context) (status.Snapshot, error), compatible bool) http.Handler {
	c := &collector{snapshot: snapshot, families: Families(), histograms: Histograms()}
	if compatible {
		c.families = append(c.families, compat()...)
	}
	for _, f := range c.families {
		c.descs = append(c.descs, prometheus.NewDesc(f.Name, f.Help, f.Labels, nil))
	}
	for _, h := range c.histograms {
		c.descs = append(c.descs, prometheus.NewDesc(h.Name, h.Help, nil, nil))
	}
	r := prometheus.NewRegistry()
	r.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: logger{log}, MaxRequestsInFlight: 4})
}

// logger is where promhttp's troubles go.
type logger struct{ log *slog.Logger }

// Println implements promhttp.Logger.
func (l logger) Println(v ...any) { l.log.Debug("metrics: " + fmt.Sprint(v...)) }
