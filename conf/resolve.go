// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net/netip"
	"strings"
	"time"
)

// resolve turns the raw file into a configuration. What it returns is of use only if no diagnostic is an error.
func resolve(s scope, raw *rawConfig, readable bool) *Config {
	cfg := &Config{
		Realtime: boolean(raw.Realtime, false),
		StateDir: absolute(s, "state_dir", raw.StateDir, DefaultStateDir),
		RunDir:   absolute(s, "run_dir", raw.RunDir, DefaultRunDir),
		Log:      resolveLog(raw.Log),
		Status:   resolveStatus(raw.Status),
		Alerts:   resolveAlerts(raw.Alerts),
		Notify:   resolveNotify(raw.Notify),
		Policy:   resolvePolicy(raw.Policy),
		Nodes:    resolveNodes(raw.Nodes),
		Cluster:  resolveCluster(raw),
		Mail:     resolveMail(raw.Mail),

		StartDelay: span(s, "start_delay", raw.StartDelay, 0, 0, time.Hour),
		BootDelay:  span(s, "boot_delay", raw.BootDelay, 0, 0, time.Hour),
	}
	resolveStatic(s, raw, cfg)
	cfg.Node = resolveNode(s, raw, cfg.Nodes)
	if raw.Services.Set && len(raw.Services.V) == 0 || raw.Services.absent() {
		s.warnf(0, "no [[service]]: there is nothing to do")
	}
	for i := range raw.Services.V {
		if t := &raw.Services.V[i]; t.Set {
			r := serviceResolver{scope: t.scope, raw: &t.V, cfg: cfg}
			cfg.Services = append(cfg.Services, r.resolve())
		}
	}
	resolveGroups(raw, cfg)
	resolveSessions(raw, cfg)
	resolveInterfaces(raw, cfg)
	checkAcross(s, raw, cfg)
	lint(s, raw, cfg, readable)
	return cfg
}

// resolveNode finds out which node this is.
func resolveNode(s scope, raw *rawConfig, nodes map[string]Node) string {
	fromFile := nameOf(s, "node", raw.Node)
	known := func(name string) bool {
		_, ok := nodes[name]
		return ok || !raw.Nodes.Set
	}
	switch o := s.d.options; {
	case o.Node != "":
		if !goodName(o.Node) {
			s.errorf(0, "the node's name %q, from the command line: want 1 to 63 letters, digits, dots, dashes and underscores", o.Node)
		} else if !known(o.Node) {
			s.errorf(raw.Nodes.off, "node %q, from the command line, is not in [nodes] (%s): add it there, or name one of these", o.Node, nodeNames(nodes))
		}
		return o.Node
	case fromFile != "":
		if !known(fromFile) {
			s.errorf(raw.Node.off, "node %q is not in [nodes] (%s): add it there, or name one of these", fromFile, nodeNames(nodes))
		}
		return fromFile
	case !raw.Node.absent(): // and bad, which has been said
		return ""
	}
	name := s.d.options.host()
	if !goodName(name) {
		s.errorf(0, "the host's name %q cannot name a node: give node = \"…\"", name)
	} else if !known(name) {
		s.warnf(raw.Nodes.off, "this host, %q, is not in [nodes] (%s) and takes part in no service with an owner: give node = \"…\" if it is one of them", name, nodeNames(nodes))
	}
	return name
}

func resolveLog(t table[rawLog]) Log {
	return Log{
		Format: enum(t.scope, "format", t.V.Format, LogText, LogJSON, LogJournal, LogKeepalived),
		Level:  enum(t.scope, "level", t.V.Level, LevelInfo, LevelDebug, LevelWarn, LevelError),
		File:   absolute(t.scope, "file", t.V.File, ""),
	}
}

func resolveStatus(t table[rawStatus]) Status {
	st := Status{
		Listen: hostPort(t.scope, "listen", t.V.Listen, false),
		Compat: enum(t.scope, "compat", t.V.Compat, CompatNone, CompatKeepalivedExporter),
	}
	if st.Compat != CompatNone && t.V.Listen.absent() {
		t.scope.warnf(t.V.Compat.off, "compat has no effect without listen: metrics are served over TCP")
	}
	return st
}

func resolveAlerts(t table[rawAlerts]) Alerts {
	if !t.Set {
		return Alerts{}
	}
	before := t.scope.errors()
	a := Alerts{
		Exec:    command(t.scope, "exec", t.V.Exec),
		Webhook: webURL(t.scope, "webhook", t.V.Webhook),
	}
	if m := t.V.SMTP; m.Set {
		s := m.scope
		for _, k := range []struct {
			name   string
			absent bool
		}{{"server", m.V.Server.absent()}, {"from", m.V.From.absent()}, {"to", m.V.To.absent()}} {
			if k.absent {
				s.errorf(s.off, "%s is missing: mail needs server, from and to", k.name)
			}
		}
		a.SMTP = &SMTP{
			Server: hostPort(s, "server", m.V.Server, true),
			From:   filled(s, "from", m.V.From),
			To:     m.V.To.texts(),
			User:   filled(s, "user", m.V.User),
		}
		if m.V.To.Set && len(m.V.To.V) == 0 {
			s.errorf(m.V.To.off, "to is empty: write at least one address")
		}
		a.SMTP.Password, _ = password(s, m.V.Password, m.V.PasswordFile)
	}
	// Only what nothing was said about yet.
	if s := t.scope; t.Set && s.d.options.Alerts != nil && s.errors() == before {
		if err := s.d.options.Alerts(a); err != nil {
			for line := range strings.Lines(err.Error()) {
				s.errorf(s.off, "%s", strings.TrimPrefix(strings.TrimSpace(line), "alerts."))
			}
		}
	}
	return a
}

func resolvePolicy(t table[rawPolicy]) Policy {
	p := Policy{
		Selection:          enum(t.scope, "selection", t.V.Selection, SelectListed, SelectMostFree),
		FailuresToTolerate: whole(t.scope, "failures_to_tolerate", t.V.FailuresToTolerate, 1, 0, 16),
	}
	if t.V.Overload.Set {
		p.Overload = resolveOverload(t.V.Overload)
	}
	return p
}

func resolveOverload(t table[rawOverload]) *Overload {
	o := &Overload{
		Dwell:    span(t.scope, "dwell", t.V.Dwell, 10*time.Second, 0, time.Hour),
		Interval: span(t.scope, "interval", t.V.Interval, time.Second, 100*time.Millisecond, time.Hour),
	}
	for _, m := range []struct {
		measure Measure
		table   *table[rawMark]
	}{
		{MeasureLoad, &t.V.Load},
		{MeasurePSICPU, &t.V.PSICPU},
		{MeasurePSIMemory, &t.V.PSIMemory},
		{MeasurePSIIO, &t.V.PSIIO},
		{MeasureExec, &t.V.Exec},
		{MeasureFile, &t.V.File},
	} {
		if m.table.Set {
			o.Marks = append(o.Marks, resolveMark(m.measure, m.table))
		}
	}
	if len(o.Marks) == 0 {
		t.scope.warnf(t.off, "no measure is given, so no node is ever overloaded: add load, psi_cpu, psi_memory, psi_io, exec or file")
	}
	return o
}

func resolveMark(m Measure, t *table[rawMark]) Mark {
	s := t.scope
	mark := Mark{
		Measure: m,
		High:    t.V.High.V,
		Low:     t.V.High.V,
		Command: command(s, "command", t.V.Command),
		Path:    absolute(s, "path", t.V.Path, ""),
	}
	if t.V.Low.Set {
		mark.Low = t.V.Low.V
	}
	switch {
	case t.V.High.absent():
		s.errorf(s.off, "high is missing: write the value from which a node is overloaded")
	case t.V.High.Set && t.V.Low.Set && !(mark.Low <= mark.High): // also when one is not a number
		s.errorf(t.V.Low.off, "low %g is above high %g: overload ends at or below the mark where it begins", mark.Low, mark.High)
	case t.V.High.Set && (m == MeasurePSICPU || m == MeasurePSIMemory || m == MeasurePSIIO) && !(mark.High > 0 && mark.High <= 100):
		s.errorf(t.V.High.off, "high %g: want a percentage above 0, 100 at most", mark.High)
	}
	if m == MeasureExec && t.V.Command.absent() {
		s.errorf(s.off, "command is missing: write the command that prints the value")
	}
	if m == MeasureFile && t.V.Path.absent() {
		s.errorf(s.off, "path is missing: write the file that holds the value")
	}
	if m != MeasureExec && t.V.Command.Set {
		s.errorf(t.V.Command.off, "command belongs to exec: remove it")
	}
	if m != MeasureFile && t.V.Path.Set {
		s.errorf(t.V.Path.off, "path belongs to file: remove it")
	}
	return mark
}

func resolveNodes(raw named[rawNode]) map[string]Node {
	if !raw.Set {
		return nil
	}
	const most = 1_000_000_000
	nodes := make(map[string]Node, len(raw.V))
	seen := map[netip.Addr]string{}
	for _, e := range raw.V {
		s := e.scope
		if !goodName(e.name) {
			s.errorf(s.off, "the name wants 1 to 63 letters, digits, dots, dashes and underscores")
		}
		n := Node{
			Address:     hostAddress(s, "address", e.V.Address),
			Capacity:    whole(s, "capacity", e.V.Capacity, 0, 1, most),
			Interface:   interfaceName(s, "interface", e.V.Interface),
			Maintenance: boolean(e.V.Maintenance, false),
			MaxServices: whole(s, "max_services", e.V.MaxServices, 0, 1, most),
		}
		if n.Address.IsValid() {
			if other := seen[n.Address]; other != "" {
				s.errorf(e.V.Address.off, "address %s is that of node %q too: each node has its own", n.Address, other)
			}
			seen[n.Address] = e.name
		}
		nodes[e.name] = n
	}
	return nodes
}

func resolveCluster(raw *rawConfig) *Cluster {
	t := raw.Cluster
	if !t.Set {
		return nil
	}
	s := t.scope
	c := &Cluster{
		Name:     nameOf(s, "name", t.V.Name),
		BindPort: uint16(whole(s, "bind_port", t.V.BindPort, 7946, 1, 65535)),
		Arbiter:  enum(s, "arbiter", t.V.Arbiter, ArbiterNone, ArbiterEtcd),
	}
	if t.V.Name.absent() {
		s.errorf(s.off, "name is missing: nodes of one name belong together")
	}
	if t.V.KeyFile.absent() {
		s.errorf(s.off, "key_file is missing: the nodes encrypt what they tell each other")
	} else if t.V.KeyFile.Set {
		c.Keys = keyRing(s, t.V.KeyFile)
		c.KeyFile = s.d.path(t.V.KeyFile.V)
	}
	if raw.Nodes.absent() || raw.Nodes.Set && len(raw.Nodes.V) == 0 {
		s.errorf(s.off, "there is no [nodes]: add [nodes.NAME] with an address for each node, so that they find each other")
	}
	for _, e := range raw.Nodes.V {
		if e.V.Address.absent() {
			e.scope.errorf(e.scope.off, "address is missing: [cluster] needs one for each node")
		}
	}
	c.Etcd = resolveEtcd(s, t, c.Arbiter)
	return c
}

func resolveEtcd(s scope, t table[rawCluster], arbiter Arbiter) *Etcd {
	e := t.V.Etcd
	switch {
	case arbiter == ArbiterEtcd && e.absent():
		s.errorf(t.V.Arbiter.off, `arbiter "etcd" needs etcd = { endpoints = ["https://…:2379"] }`)
		return nil
	case !e.Set:
		return nil
	case arbiter != ArbiterEtcd:
		s.warnf(e.off, `etcd is not asked: write arbiter = "etcd" to use it`)
	}
	s = e.scope
	out := &Etcd{
		Endpoints: e.V.Endpoints.texts(),
		User:      filled(s, "user", e.V.User),
		CAFile:    absolute(s, "ca_file", e.V.CAFile, ""),
		CertFile:  absolute(s, "cert_file", e.V.CertFile, ""),
		KeyFile:   absolute(s, "key_file", e.V.KeyFile, ""),
	}
	out.Password, _ = password(s, e.V.Password, e.V.PasswordFile)
	if e.V.Endpoints.absent() || e.V.Endpoints.Set && len(e.V.Endpoints.V) == 0 {
		s.errorf(s.off, "endpoints are missing: write the URL of each etcd member")
	}
	for _, u := range e.V.Endpoints.V {
		webURL(s, "endpoint", u)
	}
	if e.V.CertFile.Set != e.V.KeyFile.Set {
		s.errorf(s.off, "cert_file and key_file go together: give both or none")
	}
	if arbiter != ArbiterEtcd {
		return nil
	}
	return out
}
