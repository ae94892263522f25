package dev.hydra.experiments.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MeasureTest {
  private static Measure measure(String options) {
    return Measure.read("experiment.measures.it", ConfigFactory.parseString(options));
  }

  private static Observed load(String condition, Double... shares) {
    return new Observed(condition, 1, Map.of("blocks.0.ffn.load", List.of(shares)), Map.of());
  }

  private static Map<String, Double> routing(Observed... conditions) {
    return measure("type = nmi").of("nmi", List.of(conditions)).figures();
  }

  @Test
  void expertsOfTheirOwnShareAllInformationWithTheirDomains() {
    assertThat(routing(load("a", 1.0, 0.0), load("b", 0.0, 1.0)))
        .isEqualTo(Map.of("nmi", 1.0, "nmi homogeneity", 1.0));
  }

  @Test
  void expertsThatAllDomainsUseAlikeShareNone() {
    assertThat(routing(load("a", .25, .75), load("b", .25, .75)))
        .isEqualTo(Map.of("nmi", 0.0, "nmi homogeneity", 0.0));
  }

  /** Two experts for each of two domains: the expert tells the domain, but not the reverse. */
  @Test
  void severalExpertsOfADomainLowerTheNormalisedInformation() {
    Map<String, Double> figures = routing(load("a", .5, .5, 0.0, 0.0), load("b", 0.0, 0.0, .5, .5));
    assertThat(figures.get("nmi")).isCloseTo(2.0 / 3, within(1e-12));
    assertThat(figures.get("nmi homogeneity")).isCloseTo(1, within(1e-12));
  }

  /** As sklearn.metrics.normalized_mutual_info_score computes it of the same counts. */
  @Test
  void theInformationIsThatOfTheJointCounts() {
    assertThat(routing(load("a", .5, .25, .25), load("b", .25, .25, .5)).get("nmi"))
        .isCloseTo(
            2 * (1.0822 - 1.0397) / (1.0822 + Math.log(2)), within(1e-3)); // H(E), H(E|D) by hand
  }

  @Test
  void aModelWithoutRoutersHasNoSuchFigure() {
    assertThat(routing(new Observed("a", 1, Map.of(), Map.of()))).isEmpty();
  }

  private static Observed gates(String condition, Double... gates) {
    return new Observed(
        condition,
        1,
        Map.of("blocks.1.memory.usage", List.of(.5)),
        Map.of("blocks.1.memory.gate", List.of(gates), "blocks.1.mixer.gate", List.of(.3)));
  }

  @Test
  void theAreaIsThePartOfPairsInOrder() {
    Measured measured =
        measure("type = gate-auc, memory = [closed], text = [open]")
            .of("beta", List.of(gates("closed", .9, .6, .5), gates("open", .7, .5)));
    // above: 2 (of .9), 1 (of .6), and half of one (of .5)
    assertThat(measured.figures().get("beta")).isCloseTo(3.5 / 6, within(1e-12));
    assertThat(measured.figures().get("beta gate, memory")).isCloseTo(2.0 / 3, within(1e-12));
    assertThat(measured.figures().get("beta gate, text")).isCloseTo(.6, within(1e-12));
    assertThat(measured.curves().get("beta blocks.1.memory"))
        .startsWith(List.of(0.0, 0.0), List.of(0.0, 1.0 / 3), List.of(.5, 1.0 / 3))
        .endsWith(List.of(1.0, 1.0));
  }

  @Test
  void longCurvesAreThinnedAndAreasAreNot() {
    double[] high = new double[1000];
    double[] low = new double[1000];
    for (int i = 0; i < 1000; i++) {
      high[i] = i + 500.25;
      low[i] = i;
    }
    RocCurve curve = RocCurve.of(high, low);
    assertThat(curve.area()).isCloseTo(1 - .5 * .5 / 2, within(1e-3));
    assertThat(curve.points()).hasSizeBetween(50, 102).endsWith(List.of(1.0, 1.0));
  }

  @Test
  void keysAndLossesAreOfEachCondition() {
    List<Observed> conditions = List.of(gates("closed", .9), gates("open", .7));
    assertEquals(
        Map.of("keys closed", .5, "keys open", .5),
        measure("type = keys-used").of("keys", conditions).figures());
    assertEquals(
        Map.of("loss", 1.0, "loss closed", 1.0, "loss open", 1.0),
        measure("type = loss").of("loss", conditions).figures());
  }

  @Test
  void mistakesAreNamed() {
    assertThat(assertThrows(ConfigException.class, () -> measure("type = gate")))
        .hasMessageContaining("gate-auc");
    assertThat(assertThrows(ConfigException.class, () -> measure("type = gate-auc, memory = [a]")))
        .hasMessageContaining("experiment.measures.it.text");
    assertThat(assertThrows(ConfigException.class, () -> measure("type = nmi, text = [a]")))
        .hasMessageContaining("text");
  }
}
