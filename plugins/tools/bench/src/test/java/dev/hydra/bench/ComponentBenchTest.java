package dev.hydra.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.bench.ComponentBench.Row;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Placement;
import dev.hydra.ffn.dense.SwigluFactory;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.Handles;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComponentBenchTest {
  private static final Config CONFIG =
      ConfigFactory.parseString(
          """
          groups = [
            { name = sizes, width = 16, batch = 2, lengths = [8, 4], recurrence = true
              cases = [
                { label = small, ffn { type = swiglu, hidden = 8 } }
                { label = large, ffn { type = swiglu, hidden = 16 } }
              ] }
            { name = other, width = 8, cases = [ { label = only, ffn { type = swiglu } } ] }
          ]
          """);

  private static final Placement PRECISION = new Placement(Devices.cpu(), ScalarType.Float);

  private static List<Row> run(Config config, String... only) {
    List<Row> rows = new ArrayList<>();
    new ComponentBench(Components.of(new SwigluFactory()), PRECISION, false, 0.01)
        .run(config, List.of(only), rows::add);
    return rows;
  }

  @Test
  void everyCaseAtEveryLengthShortestFirst() {
    List<Row> rows = run(CONFIG, "sizes");
    assertEquals(
        List.of("small 4", "large 4", "token-by-token recurrence 4", "small 8", "large 8"),
        rows.stream().map(row -> row.label() + " " + row.tokens()).toList());
    for (Row row : rows) {
      assertEquals(2, row.batch());
      Timing timing = row.timing();
      assertTrue(timing.runs() >= 3 && timing.fastest() > 0, row.toString());
      assertTrue(
          timing.fastest() <= timing.median() && timing.median() <= timing.slowest(),
          row.toString());
    }
    assertEquals(6, run(CONFIG).size());
  }

  private static final Config OPERATORS =
      ConfigFactory.parseString(
          """
          groups = [ { name = operators, width = 16, batch = 2, lengths = [4]
            cases = [
              { label = conv, operator = causal-conv }
              { label = norm, operator = gated-rms-norm }
              { label = loss, operator = cross-entropy }
              { label = update, operator = adamw }
            ] } ]
          """);

  @Test
  void operatorsThatLayersShareAreTimedByThemselves() {
    assertEquals(
        List.of("conv", "norm", "loss", "update"),
        run(OPERATORS).stream().map(Row::label).toList());
    for (String each : List.of("causal-conv", "gated-rms-norm", "cross-entropy", "adamw")) {
      Config one =
          ConfigFactory.parseString(
              "groups = [ { name = a, width = 16, batch = 2, lengths = [4], cases = [ { label = b,"
                  + " operator = "
                  + each
                  + " } ] } ]");
      Handles.assertFreesItself(2, () -> run(one));
    }
  }

  @Test
  void aForwardAloneIsFaster() {
    List<Row> alone = new ArrayList<>();
    Config wide =
        ConfigFactory.parseString(
            "groups = [ { name = a, width = 256, lengths = [512],"
                + " cases = [ { label = b, ffn { type = swiglu, hidden = 512 } } ] } ]");
    new ComponentBench(Components.of(new SwigluFactory()), PRECISION, true, 0.1)
        .run(wide, List.of(), alone::add);
    List<Row> both = run(wide);
    assertTrue(alone.get(0).timing().fastest() < both.get(0).timing().fastest());
  }

  @Test
  void leavesNoHandlesBehind() {
    Handles.assertFreesItself(2, () -> run(CONFIG, "sizes"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | groups: is required",
        "groups = 3 | groups: must be a list of objects",
        "groups = [ { name = a, cases = [ { label = b } ] } ] | needs exactly one of mixer, ffn",
        "groups = [ { name = a, cases = [ { label = b, operator = c } ] } ] | operator",
        "groups = [ { name = a, lengths = [0], cases = [] } ] | must be whole numbers from 1",
        "groups = [ { name = a, cases = [ { label = b, ffn { type = no } } ] } ] | unknown ffn"
            + " type",
      })
  void refusesWrongConfigurations(String hocon, String message) {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> run(ConfigFactory.parseString(hocon)));
    assertThat(refused.getMessage()).contains(message);
    assertThrows(ConfigException.class, () -> run(CONFIG, "none"));
  }

  @Test
  void mediansAreInTheMiddle() {
    assertEquals(new Timing(2.5, 1, 9, 4), Timing.of(new double[] {9, 2, 1, 3}));
    assertEquals(new Timing(2, 1, 9, 3), Timing.of(new double[] {9, 2, 1}));
  }
}
