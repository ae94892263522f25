package dev.hydra.cli.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PlotTest {
  private static Curve curve(double... values) {
    Curve.Builder curve = new Curve.Builder();
    IntStream.range(0, values.length).forEach(i -> curve.add(i, values[i]));
    return curve.build();
  }

  @Test
  void namesStandUnderTheirValues() {
    String svg =
        Plot.over("accuracy", List.of("k<1", "k=2")).dots("hydra", 0, curve(0.25, 0.5)).svg();
    assertThat(svg)
        .contains("x=\"150.5\" y=\"245.0\">k&lt;1<")
        .contains("cx=\"150.5\"")
        .contains("hydra: 0.2500 at k&lt;1")
        .contains("x=\"347.5\" y=\"245.0\">k=2<")
        .contains("cx=\"347.5\"")
        .contains("hydra: 0.5000 at k=2");
  }

  @Test
  void manyNamesStandInTwoRows() {
    String svg =
        Plot.over("accuracy", List.of("a", "b", "c", "d", "e"))
            .dots("hydra", 0, curve(0.1, 0.2, 0.3, 0.4, 0.5))
            .svg();
    assertThat(svg)
        .contains("y=\"245.0\">a<")
        .contains("y=\"264.0\">b<")
        .contains("y=\"245.0\">c<")
        .contains("y=\"264.0\">d<");
  }

  @Test
  void numbersStandAlongAnAxisWithATitle() {
    assertThat(new Plot("loss", "steps").line("hydra", 0, curve(3, 2, 1)).svg())
        .contains("x=\"446.0\" y=\"245.0\">2<")
        .contains("y=\"264.0\">steps<");
  }
}
