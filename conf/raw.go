// SPDX-License-Identifier: Apache-2.0

package conf

import "fmt"

// The raw structs are the one list of known keys: tag toml is the key, tag eg a good value for it.

type rawConfig struct {
	Node     scalar[string] `toml:"node" eg:"\"db1\""`
	Realtime scalar[bool]   `toml:"realtime" eg:"true"`
	StateDir scalar[string] `toml:"state_dir" eg:"\"/var/lib/regent\""`
	RunDir   scalar[string] `toml:"run_dir" eg:"\"/run/regent\""`

	StartDelay      duration             `toml:"start_delay" eg:"\"10s\""`
	BootDelay       duration             `toml:"boot_delay" eg:"\"60s\""`
	StaticAddresses list                 `toml:"static_addresses" eg:"[\"10.0.0.200/32 dev lo\"]"`
	StaticRoutes    list                 `toml:"static_routes" eg:"[\"10.1.0.0/16 via 10.0.0.1 dev eth0\"]"`
	StaticRules     list                 `toml:"static_rules" eg:"[\"from 10.1.0.0/16 table 100\"]"`
	Mail            table[rawMail]       `toml:"mail" eg:"{ server = \"127.0.0.1:25\", from = \"regent@example.org\", to = [\"ops@example.org\"] }"`
	SyncGroups      tables[rawSyncGroup] `toml:"sync_group" eg:"[[sync_group]]"`
	Sessions        tables[rawSession]   `toml:"bfd" eg:"[[bfd]]"`
	Interfaces      tables[rawInterface] `toml:"interface" eg:"[[interface]]"`

	Log      table[rawLog]      `toml:"log" eg:"[log]"`
	Status   table[rawStatus]   `toml:"status" eg:"[status]"`
	Alerts   table[rawAlerts]   `toml:"alerts" eg:"[alerts]"`
	Notify   table[rawNotify]   `toml:"notify" eg:"[notify]"`
	Cluster  table[rawCluster]  `toml:"cluster" eg:"[cluster]"`
	Nodes    named[rawNode]     `toml:"nodes" eg:"[nodes.db1]"`
	Policy   table[rawPolicy]   `toml:"policy" eg:"[policy]"`
	Services tables[rawService] `toml:"service" eg:"[[service]]"`
}

type rawNotify struct {
	FIFO            scalar[string]  `toml:"fifo" eg:"\"/run/regent/notify\""`
	FIFOUser        scalar[string]  `toml:"fifo_user" eg:"\"nobody\""`
	FIFOScript      list            `toml:"fifo_script" eg:"[\"/usr/local/bin/read-states\"]"`
	More            tables[rawFIFO] `toml:"more" eg:"[[notify.more]]"`
	User            scalar[string]  `toml:"user" eg:"\"nobody\""`
	ScriptSecurity  scalar[bool]    `toml:"script_security" eg:"true"`
	PriorityChanges scalar[bool]    `toml:"priority_changes" eg:"true"`
	StatesOnReload  scalar[bool]    `toml:"states_on_reload" eg:"true"`
	Start           list            `toml:"start" eg:"[\"/usr/local/bin/before\"]"`
	StartTimeout    duration        `toml:"start_timeout" eg:"\"10s\""`
	Stop            list            `toml:"stop" eg:"[\"/usr/local/bin/after\"]"`
	StopTimeout     duration        `toml:"stop_timeout" eg:"\"10s\""`
}

// rawFIFO is a further pipe.
type rawFIFO struct {
	FIFO   scalar[string] `toml:"fifo" eg:"\"/run/regent/notify-too\""`
	User   scalar[string] `toml:"fifo_user" eg:"\"nobody\""`
	Script list           `toml:"fifo_script" eg:"[\"/usr/local/bin/read-states\"]"`
}

func (rawFIFO) label(_ map[string]any, i int) string { return fmt.Sprintf("more %d", i+1) }

type rawMail struct {
	Server   scalar[string] `toml:"server" eg:"\"127.0.0.1:25\""`
	From     scalar[string] `toml:"from" eg:"\"regent@example.org\""`
	To       list           `toml:"to" eg:"[\"ops@example.org\"]"`
	RouterID scalar[string] `toml:"router_id" eg:"\"db1\""`
	Helo     scalar[string] `toml:"helo" eg:"\"db1.example.org\""`
	Timeout  duration       `toml:"timeout" eg:"\"30s\""`
	Faults   scalar[bool]   `toml:"faults" eg:"true"`
}

// rawInterface is how long changes of an interface must last.
type rawInterface struct {
	Name      scalar[string] `toml:"name" eg:"\"eth0\""`
	DownDelay duration       `toml:"down_delay" eg:"\"100ms\""`
	UpDelay   duration       `toml:"up_delay" eg:"\"1s\""`
}

func (rawInterface) label(_ map[string]any, i int) string { return fmt.Sprintf("interface %d", i+1) }

// rawSession is a BFD session that no check watches.
type rawSession struct {
	Neighbor   scalar[string] `toml:"neighbor" eg:"\"10.0.0.2\""`
	Name       scalar[string] `toml:"name" eg:"\"gateway\""`
	Source     scalar[string] `toml:"source" eg:"\"10.0.0.1\""`
	MinRX      duration       `toml:"min_rx" eg:"\"10ms\""`
	MinTX      duration       `toml:"min_tx" eg:"\"10ms\""`
	IdleTX     duration       `toml:"idle_tx" eg:"\"1s\""`
	Multiplier scalar[int64]  `toml:"multiplier" eg:"5"`
	Passive    scalar[bool]   `toml:"passive" eg:"true"`
	TTL        scalar[int64]  `toml:"ttl" eg:"255"`
	MaxHops    scalar[int64]  `toml:"max_hops" eg:"1"`
	Multihop   scalar[bool]   `toml:"multihop" eg:"true"`
}

func (rawSession) label(_ map[string]any, i int) string { return fmt.Sprintf("bfd %d", i+1) }

type rawSyncGroup struct {
	Name     scalar[string]     `toml:"name" eg:"\"gateway\""`
	Services list               `toml:"services" eg:"[\"inside\", \"outside\"]"`
	Weights  scalar[bool]       `toml:"weights" eg:"true"`
	Mail     scalar[bool]       `toml:"mail" eg:"true"`
	Checks   tables[rawCheck]   `toml:"check" eg:"[[sync_group.check]]"`
	Notify   table[rawPrograms] `toml:"notify" eg:"[sync_group.notify]"`
}

func (rawSyncGroup) label(data map[string]any, i int) string {
	if name, ok := data["name"].(string); ok && name != "" {
		return fmt.Sprintf("sync_group %q", name)
	}
	return fmt.Sprintf("sync_group number %d", i+1)
}

type rawLog struct {
	Format scalar[string] `toml:"format" eg:"\"text\""`
	Level  scalar[string] `toml:"level" eg:"\"info\""`
	File   scalar[string] `toml:"file" eg:"\"/var/log/regent.log\""`
}

type rawStatus struct {
	Listen scalar[string] `toml:"listen" eg:"\"127.0.0.1:9166\""`
	Compat scalar[string] `toml:"compat" eg:"\"keepalived-exporter\""`
}

type rawAlerts struct {
	Exec    list           `toml:"exec" eg:"[\"/usr/local/bin/page\"]"`
	Webhook scalar[string] `toml:"webhook" eg:"\"https://alerts.example/regent\""`
	SMTP    table[rawSMTP] `toml:"smtp" eg:"{ server = \"127.0.0.1:25\", from = \"regent@example.org\", to = [\"ops@example.org\"] }"`
}

type rawSMTP struct {
	Server       scalar[string] `toml:"server" eg:"\"127.0.0.1:25\""`
	From         scalar[string] `toml:"from" eg:"\"regent@example.org\""`
	To           list           `toml:"to" eg:"[\"ops@example.org\"]"`
	User         scalar[string] `toml:"user" eg:"\"regent\""`
	Password     scalar[string] `toml:"password" eg:"\"…\""`
	PasswordFile scalar[string] `toml:"password_file" eg:"\"/etc/regent/smtp.secret\""`
}

type rawCluster struct {
	Name     scalar[string] `toml:"name" eg:"\"shop\""`
	KeyFile  scalar[string] `toml:"key_file" eg:"\"/etc/regent/cluster.key\""`
	BindPort scalar[int64]  `toml:"bind_port" eg:"7946"`
	Arbiter  scalar[string] `toml:"arbiter" eg:"\"none\""`
	Etcd     table[rawEtcd] `toml:"etcd" eg:"{ endpoints = [\"https://10.0.0.21:2379\"] }"`
}

type rawEtcd struct {
	Endpoints    list           `toml:"endpoints" eg:"[\"https://10.0.0.21:2379\"]"`
	User         scalar[string] `toml:"user" eg:"\"regent\""`
	Password     scalar[string] `toml:"password" eg:"\"…\""`
	PasswordFile scalar[string] `toml:"password_file" eg:"\"/etc/regent/etcd.secret\""`
	CAFile       scalar[string] `toml:"ca_file" eg:"\"/etc/regent/etcd-ca.pem\""`
	CertFile     scalar[string] `toml:"cert_file" eg:"\"/etc/regent/etcd.pem\""`
	KeyFile      scalar[string] `toml:"key_file" eg:"\"/etc/regent/etcd.key\""`
}

type rawNode struct {
	Address     scalar[string] `toml:"address" eg:"\"10.0.0.11\""`
	Capacity    scalar[int64]  `toml:"capacity" eg:"100"`
	Interface   scalar[string] `toml:"interface" eg:"\"eth0\""`
	Maintenance scalar[bool]   `toml:"maintenance" eg:"true"`
	MaxServices scalar[int64]  `toml:"max_services" eg:"4"`
}

type rawPolicy struct {
	Selection          scalar[string]     `toml:"selection" eg:"\"listed\""`
	FailuresToTolerate scalar[int64]      `toml:"failures_to_tolerate" eg:"1"`
	Overload           table[rawOverload] `toml:"overload" eg:"{ load = { high = 2.0, low = 1.5 } }"`
}

type rawOverload struct {
	Load      table[rawMark] `toml:"load" eg:"{ high = 2.0, low = 1.5 }"`
	PSICPU    table[rawMark] `toml:"psi_cpu" eg:"{ high = 60.0, low = 40.0 }"`
	PSIMemory table[rawMark] `toml:"psi_memory" eg:"{ high = 20.0, low = 10.0 }"`
	PSIIO     table[rawMark] `toml:"psi_io" eg:"{ high = 60.0, low = 40.0 }"`
	Exec      table[rawMark] `toml:"exec" eg:"{ command = [\"/usr/local/bin/load\"], high = 80.0, low = 60.0 }"`
	File      table[rawMark] `toml:"file" eg:"{ path = \"/run/load\", high = 80.0, low = 60.0 }"`
	Dwell     duration       `toml:"dwell" eg:"\"10s\""`
	Interval  duration       `toml:"interval" eg:"\"1s\""`
}

type rawMark struct {
	High    scalar[float64] `toml:"high" eg:"2.0"`
	Low     scalar[float64] `toml:"low" eg:"1.5"`
	Command list            `toml:"command" eg:"[\"/usr/local/bin/load\"]"`
	Path    scalar[string]  `toml:"path" eg:"\"/run/load\""`
}

type rawService struct {
	Name           scalar[string]     `toml:"name" eg:"\"orders\""`
	Interface      scalar[string]     `toml:"interface" eg:"\"eth0\""`
	VRID           scalar[int64]      `toml:"virtual_router_id" eg:"51"`
	Addresses      list               `toml:"addresses" eg:"[\"10.0.0.101/24\"]"`
	LinkLocal      scalar[string]     `toml:"link_local" eg:"\"auto\""`
	Ports          list               `toml:"ports" eg:"[\"tcp/5432\"]"`
	Version        scalar[int64]      `toml:"version" eg:"3"`
	AdvertInterval duration           `toml:"advert_interval" eg:"\"100ms\""`
	Checksum       scalar[string]     `toml:"checksum" eg:"\"pseudo-header\""`
	AcceptChecksum scalar[string]     `toml:"accept_checksum" eg:"\"either\""`
	Source         scalar[string]     `toml:"source" eg:"\"10.0.0.11\""`
	UnicastPeers   list               `toml:"unicast_peers" eg:"[\"10.0.0.12\"]"`
	VMAC           scalar[bool]       `toml:"vmac" eg:"true"`
	VMACName       scalar[string]     `toml:"vmac_name" eg:"\"vrrp.51\""`
	VMACAddress    scalar[string]     `toml:"vmac_address" eg:"\"02:00:00:00:00:51\""`
	VMACBase       scalar[bool]       `toml:"vmac_transmit_base" eg:"true"`
	Authentication table[rawAuth]     `toml:"authentication" eg:"{ type = \"PASS\", password_file = \"/etc/regent/orders.secret\" }"`
	GARP           table[rawGARP]     `toml:"garp" eg:"{ repeat = 5, delay = \"5s\" }"`
	Checks         tables[rawCheck]   `toml:"check" eg:"[[service.check]]"`
	Control        table[rawControl]  `toml:"control" eg:"[service.control]"`
	Respond        rawRespond         `toml:"respond" eg:"[service.respond]"`
	Notify         table[rawPrograms] `toml:"notify" eg:"[service.notify]"`

	Advertised         list           `toml:"advertised_addresses" eg:"[\"10.0.0.101\"]"`
	Excluded           list           `toml:"excluded_addresses" eg:"[\"10.0.1.101/24 dev eth1\"]"`
	Routes             list           `toml:"routes" eg:"[\"default via 10.0.0.1 dev eth0\"]"`
	Rules              list           `toml:"rules" eg:"[\"from 10.0.0.101 table 100\"]"`
	InitialState       scalar[string] `toml:"initial_state" eg:"\"active\""`
	OnFault            scalar[string] `toml:"on_fault" eg:"\"refuse\""`
	TrackInterface     scalar[bool]   `toml:"track_interface" eg:"true"`
	Accept             scalar[bool]   `toml:"accept" eg:"true"`
	DownTimerAdverts   scalar[int64]  `toml:"down_timer_adverts" eg:"3"`
	LowerPrioNoAdvert  scalar[bool]   `toml:"lower_prio_no_advert" eg:"true"`
	OwnerIgnoreAdverts scalar[bool]   `toml:"owner_ignore_adverts" eg:"true"`
	CheckAddresses     scalar[bool]   `toml:"check_addresses" eg:"true"`
	Group              scalar[string] `toml:"multicast_group" eg:"\"224.0.0.18\""`
	TTL                scalar[int64]  `toml:"ttl" eg:"255"`
	MinTTL             scalar[int64]  `toml:"min_ttl" eg:"255"`
	MaxTTL             scalar[int64]  `toml:"max_ttl" eg:"255"`
	CheckUnicastSource scalar[bool]   `toml:"check_unicast_source" eg:"true"`
	UnicastChecksum    scalar[string] `toml:"unicast_checksum" eg:"\"auto\""`
	HMAC               table[rawHMAC] `toml:"hmac" eg:"[service.hmac]"`
	Mail               scalar[bool]   `toml:"mail" eg:"true"`

	Priority     scalar[int64] `toml:"priority" eg:"100"`
	Preempt      scalar[bool]  `toml:"preempt" eg:"true"`
	PreemptDelay duration      `toml:"preempt_delay" eg:"\"30s\""`
	Refuse       scalar[bool]  `toml:"refuse" eg:"true"`

	Owner            scalar[string] `toml:"owner" eg:"\"db1\""`
	Standbys         list           `toml:"standbys" eg:"[\"db2\"]"`
	Inheritors       list           `toml:"inheritors" eg:"[\"db2\", \"db3\"]"`
	Takeover         scalar[string] `toml:"takeover" eg:"\"allow\""`
	ServeAt          scalar[string] `toml:"serve_at" eg:"\"inherited\""`
	Demand           scalar[int64]  `toml:"demand" eg:"40"`
	AntiAffinity     list           `toml:"anti_affinity" eg:"[\"payments\"]"`
	Failback         scalar[string] `toml:"failback" eg:"\"automatic\""`
	FailbackDelay    duration       `toml:"failback_delay" eg:"\"60s\""`
	FailureThreshold scalar[int64]  `toml:"failure_threshold" eg:"3"`
	FailureWindow    duration       `toml:"failure_window" eg:"\"10m\""`
	OnNoCandidate    scalar[string] `toml:"on_no_candidate" eg:"\"refuse\""`
}

func (rawService) label(data map[string]any, i int) string {
	if name, ok := data["name"].(string); ok && name != "" {
		return fmt.Sprintf("service %q", name)
	}
	return fmt.Sprintf("service number %d", i+1)
}

type rawAuth struct {
	Type         scalar[string] `toml:"type" eg:"\"PASS\""`
	Password     scalar[string] `toml:"password" eg:"\"…\""`
	PasswordFile scalar[string] `toml:"password_file" eg:"\"/etc/regent/orders.secret\""`
}

type rawHMAC struct {
	Keys       tables[rawHMACKey] `toml:"key" eg:"[[service.hmac.key]]"`
	Active     scalar[int64]      `toml:"active_key" eg:"1"`
	Window     duration           `toml:"time_window" eg:"\"5s\""`
	AntiReplay scalar[string]     `toml:"anti_replay" eg:"\"time\""`
	Mode       scalar[string]     `toml:"mode" eg:"\"enforce\""`
}

type rawHMACKey struct {
	ID      scalar[int64]  `toml:"id" eg:"1"`
	Key     scalar[string] `toml:"key" eg:"\"…\""`
	KeyFile scalar[string] `toml:"key_file" eg:"\"/etc/regent/orders.key\""`
}

func (rawHMACKey) label(_ map[string]any, i int) string { return fmt.Sprintf("key %d", i+1) }

type rawGARP struct {
	Repeat          scalar[int64] `toml:"repeat" eg:"5"`
	Delay           duration      `toml:"delay" eg:"\"5s\""`
	Refresh         duration      `toml:"refresh" eg:"\"60s\""`
	RefreshRepeat   scalar[int64] `toml:"refresh_repeat" eg:"1"`
	LowerPrioDelay  duration      `toml:"lower_prio_delay" eg:"\"5s\""`
	LowerPrioRepeat scalar[int64] `toml:"lower_prio_repeat" eg:"5"`
	Interval        duration      `toml:"interval" eg:"\"1ms\""`
	NAInterval      duration      `toml:"na_interval" eg:"\"1ms\""`
	Extra           duration      `toml:"extra" eg:"\"60s\""`
	ExtraAll        scalar[bool]  `toml:"extra_all" eg:"true"`
}

type rawCheck struct {
	TCP       scalar[string] `toml:"tcp" eg:"\"127.0.0.1:5432\""`
	HTTP      scalar[string] `toml:"http" eg:"\"http://127.0.0.1/health\""`
	Exec      list           `toml:"exec" eg:"[\"/usr/local/bin/check\"]"`
	Process   scalar[string] `toml:"process" eg:"\"postgres\""`
	Unit      scalar[string] `toml:"unit" eg:"\"postgresql.service\""`
	File      scalar[string] `toml:"file" eg:"\"/run/regent.weight\""`
	Interface scalar[string] `toml:"interface" eg:"\"eth1\""`
	Readable  scalar[string] `toml:"readable" eg:"\"/run/orders/ready\""`
	Number    scalar[string] `toml:"number" eg:"\"/run/orders/weight\""`
	BFD       scalar[string] `toml:"bfd" eg:"\"10.0.0.2\""`

	Name     scalar[string] `toml:"name" eg:"\"alive\""`
	User     scalar[string] `toml:"user" eg:"\"nobody\""`
	Reverse  scalar[bool]   `toml:"reverse" eg:"true"`
	StartBad scalar[bool]   `toml:"start_bad" eg:"true"`

	Arguments      list           `toml:"arguments" eg:"[\"-D\"]"`
	Match          scalar[string] `toml:"match" eg:"\"exact\""`
	FullCommand    scalar[bool]   `toml:"full_command" eg:"true"`
	Quorum         scalar[int64]  `toml:"quorum" eg:"1"`
	QuorumMax      scalar[int64]  `toml:"quorum_max" eg:"4"`
	ForkDelay      duration       `toml:"fork_delay" eg:"\"1s\""`
	TerminateDelay duration       `toml:"terminate_delay" eg:"\"1s\""`

	Source     scalar[string] `toml:"source" eg:"\"10.0.0.1\""`
	MinRX      duration       `toml:"min_rx" eg:"\"10ms\""`
	MinTX      duration       `toml:"min_tx" eg:"\"10ms\""`
	IdleTX     duration       `toml:"idle_tx" eg:"\"1s\""`
	Multiplier scalar[int64]  `toml:"multiplier" eg:"5"`
	Passive    scalar[bool]   `toml:"passive" eg:"true"`
	TTL        scalar[int64]  `toml:"ttl" eg:"255"`
	MaxHops    scalar[int64]  `toml:"max_hops" eg:"1"`
	Multihop   scalar[bool]   `toml:"multihop" eg:"true"`

	Interval duration       `toml:"interval" eg:"\"1s\""`
	Timeout  duration       `toml:"timeout" eg:"\"1s\""`
	Rise     scalar[int64]  `toml:"rise" eg:"1"`
	Fall     scalar[int64]  `toml:"fall" eg:"3"`
	Weight   scalar[int64]  `toml:"weight" eg:"-60"`
	Status   scalar[int64]  `toml:"status" eg:"200"`
	Body     scalar[string] `toml:"body" eg:"\"ok\""`
	CAFile   scalar[string] `toml:"ca_file" eg:"\"/etc/regent/ca.pem\""`
	Verify   scalar[bool]   `toml:"verify" eg:"true"`
}

func (rawCheck) label(_ map[string]any, i int) string { return fmt.Sprintf("check %d", i+1) }

type rawControl struct {
	Unit         scalar[string] `toml:"unit" eg:"\"postgresql.service\""`
	Start        list           `toml:"start" eg:"[\"/usr/local/bin/orders\", \"start\"]"`
	Stop         list           `toml:"stop" eg:"[\"/usr/local/bin/orders\", \"stop\"]"`
	StartTimeout duration       `toml:"start_timeout" eg:"\"30s\""`
	StopTimeout  duration       `toml:"stop_timeout" eg:"\"30s\""`
}

type rawPrograms struct {
	Active list           `toml:"active" eg:"[\"/etc/regent/on-active\"]"`
	Backup list           `toml:"backup" eg:"[\"/etc/regent/on-backup\"]"`
	Fault  list           `toml:"fault" eg:"[\"/etc/regent/on-fault\"]"`
	Stop   list           `toml:"stop" eg:"[\"/etc/regent/on-stop\"]"`
	Any    list           `toml:"any" eg:"[\"/etc/regent/on-change\"]"`
	User   scalar[string] `toml:"user" eg:"\"nobody\""`

	Deleted         list                   `toml:"deleted" eg:"[\"/etc/regent/on-deleted\"]"`
	LowerPriority   list                   `toml:"lower_priority" eg:"[\"/etc/regent/on-rival\"]"`
	PriorityChanges scalar[bool]           `toml:"priority_changes" eg:"true"`
	Users           table[rawProgramUsers] `toml:"users" eg:"{ stop = \"root\" }"`
}

type rawProgramUsers struct {
	Active        scalar[string] `toml:"active" eg:"\"nobody\""`
	Backup        scalar[string] `toml:"backup" eg:"\"nobody\""`
	Fault         scalar[string] `toml:"fault" eg:"\"nobody\""`
	Stop          scalar[string] `toml:"stop" eg:"\"nobody\""`
	Any           scalar[string] `toml:"any" eg:"\"nobody\""`
	Deleted       scalar[string] `toml:"deleted" eg:"\"nobody\""`
	LowerPriority scalar[string] `toml:"lower_priority" eg:"\"nobody\""`
}

type rawAnswer struct {
	Answer     scalar[string] `toml:"answer" eg:"\"http\""`
	Status     scalar[int64]  `toml:"status" eg:"503"`
	RetryAfter duration       `toml:"retry_after" eg:"\"5s\""`
	Location   scalar[string] `toml:"location" eg:"\"https://other.example/\""`
	On         scalar[string] `toml:"on" eg:"\"connect\""`
	Send       scalar[string] `toml:"send" eg:"\"try the other address\\r\\n\""`
	Template   scalar[string] `toml:"template" eg:"\"{{.Service}} is away, try {{.Next}}\\r\\n\""`
	Close      scalar[string] `toml:"close" eg:"\"fin\""`
	Message    scalar[string] `toml:"message" eg:"\"orders has moved\""`
	Next       scalar[string] `toml:"next" eg:"\"10.0.0.102:1883\""`

	Steps tables[rawStep] `toml:"step" eg:"[[service.respond.\"tcp/7000\".step]]"`
}

type rawStep struct {
	Match    scalar[string] `toml:"match" eg:"\"hex: 04 d2 16 2f\""`
	Offset   scalar[int64]  `toml:"offset" eg:"4"`
	Send     scalar[string] `toml:"send" eg:"\"N\""`
	Template scalar[string] `toml:"template" eg:"\"{{.Service}} is away\\r\\n\""`
	Continue scalar[bool]   `toml:"continue" eg:"true"`
}

func (rawStep) label(_ map[string]any, i int) string { return fmt.Sprintf("step %d", i+1) }

// rawRespond is a table of ports; each has the name of an answer, or a table about it.
type rawRespond struct {
	given
	V []answerEntry
}

type answerEntry struct {
	table[rawAnswer]
	port  string
	place *place
}

func (v *rawRespond) read(s scope, k key) {
	v.off = k.at.value
	data, ok := k.data.(map[string]any)
	if !ok {
		v.mismatch(s, k, "a table")
		return
	}
	v.Set = true
	for port, value := range data {
		at := k.at.kid(port)
		e := answerEntry{port: port, place: at}
		inner := s.inner(fmt.Sprintf("respond %q", port), at.key)
		switch value := value.(type) {
		case string:
			e.Set, e.scope = true, inner
			e.V.Answer = scalar[string]{given{Set: true, off: at.value}, value}
		case map[string]any:
			e.load(inner, value, at)
		default:
			inner.errorf(at.value, `the answer is %s: write its name, such as "reset", or a table`, typeName(value))
			continue
		}
		v.V = append(v.V, e)
	}
}
