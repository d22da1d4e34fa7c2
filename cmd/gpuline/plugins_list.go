package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gpuline/gpuline/pipeline"
	"github.com/gpuline/gpuline/plugins/external/host"
)

// listCommand lists the plugins.
type listCommand struct {
	source
	Agent string
}

func newList(p *program) *cobra.Command {
	var c listCommand
	cmd := command("list [-c PATH]...", "List the plugins; with -c the configuration's external ones, too, and how they are in the running agent",
		0, 0, func([]string) error { return c.Run(p) })
	c.add(cmd, "")
	given := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if c.Agent != "" && len(c.Config) == 0 {
			return errors.New("--agent needs the configuration that the agent runs with: name it with -c")
		}
		return given(cmd, args)
	}
	cmd.Flags().StringVar(&c.Agent, "agent", "", "`URL` of the running agent's page of metrics; that of the configuration where it is not set")
	return cmd
}

// Run prints a line a plugin.
func (c listCommand) Run(p *program) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, d := range p.registry {
		_, _ = fmt.Fprintf(w, "%s.%s\t%s\n", d.Role, d.Name, d.Summary)
	}
	if err := w.Flush(); err != nil || len(c.Config) == 0 {
		return err
	}
	plan, err := c.load(p)
	if err != nil {
		return err
	}
	rows := external(plan)
	if len(rows) == 0 {
		_, err := fmt.Fprintln(p.stdout, "\nno external plugin is configured")
		return err
	}
	figures, problem := c.figures(plan)
	_, _ = fmt.Fprintln(p.stdout)
	w = tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PLUGIN\tPROGRAM\tVERSION\tHEALTH\tRESTARTS\tCPU\tRSS")
	for _, r := range rows {
		_, _ = fmt.Fprintln(w, strings.Join(r.columns(figures[r.name]), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if problem != nil {
		_, _ = fmt.Fprintf(p.stderr, "gpuline: of the running agent nothing is known: %v\n", problem)
	}
	return nil
}

// row is an external plugin of a configuration.
type row struct {
	name   string // as in logs and figures
	config *host.Config
	plugin string
}

// external returns the external plugins of a plan.
func external(plan *pipeline.Plan) []row {
	var rows []row
	for name, p := range plan.Instances() {
		if p.Name != host.Name {
			continue
		}
		instance, err := p.New()
		if err != nil { // it could be made when the file was loaded
			continue
		}
		if config, plugin, ok := host.About(instance); ok {
			rows = append(rows, row{name, config, plugin})
		}
	}
	return rows
}

// columns returns what is to be seen of a plugin; figures may be nil.
func (r row) columns(figures map[string]float64) []string {
	program, version, health := r.config.Path, "-", "-"
	if r.plugin != "" {
		program += " (" + r.plugin + ")"
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.config.StartTimeout)
	defer cancel()
	info, err := host.Inspect(ctx, r.config)
	if err != nil {
		health = err.Error()
	} else {
		version = info.Version
	}
	if figures == nil {
		return []string{r.name, program, version, health, "-", "-", "-"}
	}
	switch {
	case figures[host.UpName] == 1:
		health = "up"
	case figures[host.CircuitName] == 1:
		health = "down, tried now and then"
	case err == nil:
		health = "down"
	}
	return []string{
		r.name, program, version, health,
		strconv.FormatFloat(figures[host.RestartsName], 'f', -1, 64),
		fmt.Sprintf("%.1fs", figures[host.CPUName]),
		fmt.Sprintf("%.1fMiB", figures[host.MemoryName]/(1<<20)),
	}
}

// figures reads the running agent's page: by plugin and by name.
func (c listCommand) figures(plan *pipeline.Plan) (map[string]map[string]float64, error) {
	url := c.Agent
	if url == "" {
		if plan.Agent.HTTP == "" {
			return nil, fmt.Errorf("it has no server: see [agent] http")
		}
		url = "http://" + plan.Agent.HTTP + "/metrics"
		if plan.Agent.TLS.Cert != "" {
			url = "https://" + plan.Agent.HTTP + "/metrics"
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if plan.Agent.Auth.User != "" {
		r.SetBasicAuth(plan.Agent.Auth.User, plan.Agent.Auth.Password.Reveal())
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was only read
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s; the page needs [[outputs.prometheus]]", url, answer.Status)
	}
	return readFigures(answer.Body), nil
}

var figure = regexp.MustCompile(`^(gpuline_plugin_\w+)\{(?:.*,)?plugin="([^"]*)"[^}]*\} (\S+)`)

func readFigures(page io.Reader) map[string]map[string]float64 {
	found := make(map[string]map[string]float64)
	for in := bufio.NewScanner(page); in.Scan(); {
		parts := figure.FindStringSubmatch(in.Text())
		if parts == nil {
			continue
		}
		value, err := strconv.ParseFloat(parts[3], 64)
		if err != nil {
			continue
		}
		if found[parts[2]] == nil {
			found[parts[2]] = make(map[string]float64)
		}
		found[parts[2]][parts[1]] = value
	}
	return found
}
