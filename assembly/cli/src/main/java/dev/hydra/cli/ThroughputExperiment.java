package dev.hydra.cli;

import com.typesafe.config.Config;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Throughput;
import dev.hydra.bench.ThroughputRow;
import dev.hydra.bench.ThroughputRun;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.experiment.Peers;
import dev.hydra.cli.experiment.SizesReport;
import dev.hydra.cli.experiment.ThroughputReport;
import dev.hydra.composer.model.Components;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Device;

/** Carries out an experiment that times models. */
final class ThroughputExperiment {
  private final Throughput experiment;
  private final Map<String, Long> sizes;
  private final Components components;
  private final PrintWriter err;

  /** Reads and checks it; all mistakes but those of machines come out here. */
  ThroughputExperiment(
      Config config,
      List<String> overrides,
      Components components,
      PluginRegistry plugins,
      boolean quick,
      PrintWriter err) {
    this.experiment = Throughput.read(config, overrides, plugins, quick);
    this.sizes = experiment.sizes(components);
    this.components = components;
    this.err = err;
  }

  /** Returns the parameters of each model. */
  SizesReport sizes(String name, Device device) {
    return SizesReport.of(name, device.str().getString(), experiment.question(), sizes);
  }

  /** Runs; empty if it was interrupted. */
  Optional<ThroughputReport> run(String name, Device device, Interrupt interrupt)
      throws IOException {
    List<ThroughputRow> rows = new ArrayList<>();
    if (experiment.peers().isPresent()) {
      Path peers = Path.of(experiment.peers().get());
      if (!Files.isRegularFile(peers)) {
        throw new UsageException("experiment.peers: there is no file " + peers.toAbsolutePath());
      }
      rows.addAll(Peers.read(peers));
    }
    ThroughputRun run =
        new ThroughputRun(
            experiment, components, device, warning -> err.println("warning: " + warning));
    List<ThroughputRow> timed = run.run(interrupt::requested, this::timed);
    // On a CPU it is what became resident in a row, which is less after a larger one.
    rows.addAll(device.is_cuda() ? timed : timed.stream().map(ThroughputRow::withoutPeak).toList());
    return interrupt.requested()
        ? Optional.empty()
        : Optional.of(
            new ThroughputReport(name, device.str().getString(), experiment, sizes, rows));
  }

  private void timed(ThroughputRow row) {
    err.println(
        String.format(
            Locale.ROOT,
            "%s %s, %,d tokens: %s",
            row.model(),
            row.pass().name().toLowerCase(Locale.ROOT),
            row.tokens(),
            row.fits()
                ? String.format(Locale.ROOT, "%,.0f tokens/s", row.tokensPerSecond())
                : "out of memory"));
  }
}
