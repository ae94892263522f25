package dev.hydra.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.PluginRegistry;
import dev.hydra.bench.Throughput.Pass;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Components;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.CosineScheduleFactory;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ThroughputTest {
  private static final Components COMPONENTS = Components.of(new SwigluFactory());
  private static final PluginRegistry PLUGINS =
      PluginRegistry.of(new AdamWFactory(), new CosineScheduleFactory());

  private static final String FILE =
      """
      experiment {
        type = throughput, question = "Which is faster?", precision = fp32
        models {
          wide { model { vocab-size = 16, width = 8, depth = 1
            block.paths = [ { ffn { type = swiglu, hidden = 16 } } ] } }
          also { model { vocab-size = 16, width = 8, depth = 1
            block.paths = [ { ffn { type = swiglu, hidden = 16 } } ] } }
        }
        lengths = [16, 8], steps = 1
      }
      quick { lengths = [4], passes = [train] }
      """;

  private static Config file(String more) {
    return ConfigFactory.parseString(more).withFallback(ConfigFactory.parseString(FILE)).resolve();
  }

  private static Throughput read(String more, boolean quick, String... overrides) {
    List<String> all = List.of(overrides);
    return Throughput.read(ConfigFiles.override(file(more), all), all, PLUGINS, quick);
  }

  @Test
  void everyModelIsTimedAtEveryLength() {
    Throughput experiment = read("", false);
    List<ThroughputRow> heard = new ArrayList<>();
    List<ThroughputRow> rows =
        new ThroughputRun(experiment, COMPONENTS, Devices.cpu(), warning -> {})
            .run(() -> false, heard::add);
    assertEquals(heard, rows);
    assertEquals(8, rows.size());
    assertThat(rows.subList(0, 4))
        .extracting(row -> row.model() + " " + row.pass() + " " + row.tokens())
        .containsExactly("wide FORWARD 8", "also FORWARD 8", "wide FORWARD 16", "also FORWARD 16");
    assertThat(rows).allMatch(ThroughputRow::fits);
    assertThat(
            new ThroughputRun(experiment, COMPONENTS, Devices.cpu(), warning -> {})
                .run(() -> true, heard::add))
        .isEmpty();
  }

  @Test
  void quickOverrides() {
    Throughput quick = read("", true);
    assertEquals(List.of(4), quick.lengths());
    assertEquals(List.of(Pass.TRAIN), quick.passes());
    assertEquals(List.of("wide", "also"), List.copyOf(quick.models().keySet()));
    Throughput said = read("", true, "experiment.lengths=[64]");
    assertEquals(List.of(64), said.lengths(), "the command line is stronger");
    assertEquals(List.of(Pass.TRAIN), said.passes());
  }

  @Test
  void keysOfQuickAreCheckedWithoutIt() {
    assertThat(assertThrows(ConfigException.class, () -> read("quick.step = 3", false)))
        .hasMessageContaining("quick.step: unknown key");
  }

  @Test
  void itIsToldFromAnExperimentWithTasks() {
    assertTrue(Throughput.is(file("")));
    assertFalse(Throughput.is(ConfigFactory.parseString("experiment.tasks {}")));
    Config other = ConfigFactory.parseString("experiment.type = nix");
    assertThat(assertThrows(ConfigException.class, () -> Throughput.is(other)))
        .hasMessageContaining("experiment.type: unknown type \"nix\". Known: throughput");
  }

  @Test
  void aBaselineOfAnotherSizeIsRefused() {
    Throughput other = read("experiment.models.also.model.width = 16", false);
    assertThat(assertThrows(ConfigException.class, () -> other.sizes(COMPONENTS)))
        .hasMessageContaining("also has")
        .hasMessageContaining("wide has");
    assertThat(assertThrows(ConfigException.class, () -> read("experiment.length = 3", false)))
        .hasMessageContaining("lengths");
    assertThat(assertThrows(ConfigException.class, () -> read("experiment.passes = [fly]", false)))
        .hasMessageContaining("forward, train or both");
    assertThat(assertThrows(ConfigException.class, () -> read("experiment.models.also=3", false)))
        .hasMessageContaining("experiment.models.also: must be an object");
  }
}
