package dev.hydra.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.model.Components;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.CosineScheduleFactory;
import java.util.List;
import org.junit.jupiter.api.Test;

class TrainingBenchTest {
  private static final int VOCABULARY = 200_000;
  private static final int WIDTH = 128;

  private static List<ThroughputRow> rows(int vocabulary) {
    Throughput experiment =
        Throughput.read(
            ConfigFactory.parseString(
                    """
                    experiment {
                      type = throughput, question = "How much?", precision = fp32
                      models { one { model {
                        depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 16 } } ] } } }
                      lengths = [8, 16], steps = 1, passes = [forward]
                    }
                    """)
                .withFallback(
                    ConfigFactory.parseString(
                        "experiment.models.one.model { vocab-size = %d, width = %d }"
                            .formatted(vocabulary, WIDTH))),
            List.of(),
            PluginRegistry.of(new AdamWFactory(), new CosineScheduleFactory()),
            false);
    Components components = Components.of(new SwigluFactory());
    return new ThroughputRun(experiment, components, Devices.cpu(), warning -> {})
        .run(() -> false, row -> {});
  }

  /** The first model needs memory from the system, the ones after it take what it left. */
  @Test
  void buildingTheModelIsNotInThePeak() {
    List<ThroughputRow> warm = rows(16); // loads the native library
    assumeTrue(warm.get(0).peakBytes().isPresent());
    long table = 4L * VOCABULARY * WIDTH;
    for (ThroughputRow row : rows(VOCABULARY)) {
      assertThat(row.peakBytes().orElseThrow()).isLessThan(table / 2);
    }
  }
}
