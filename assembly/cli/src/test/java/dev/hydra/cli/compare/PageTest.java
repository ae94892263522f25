package dev.hydra.cli.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PageTest {
  @TempDir Path folder;

  @Test
  void loadsNothingAndEveryPlotIsWellFormed() throws Exception {
    Path a = RunFiles.make(folder.resolve("a"), "model.width = 1", 100, 8, 4);
    Path b = RunFiles.make(folder.resolve("b"), "model.width = 2", 60, 8, 3);
    String page = RunFiles.compare(a, b).html();
    assertThat(page).doesNotContain("http:", "https:", "src=", "href=", "url(", "@import");
    Matcher plots = Pattern.compile("<svg.*?</svg>", Pattern.DOTALL).matcher(page);
    int count = 0;
    while (plots.find()) {
      var unused =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new ByteArrayInputStream(plots.group().getBytes(StandardCharsets.UTF_8)));
      assertThat(plots.group()).doesNotContain("NaN", "Infinity");
      count++;
    }
    assertEquals(3 + 3 + 2 + 2, count, "scores, losses, speed and waiting, rate and gradient");
    assertThat(page).contains("prefers-color-scheme: dark", "bits per byte over tokens");
  }

  @Test
  void whatRunsSayStandsForItself() throws Exception {
    String evil = "<script>alert(\"1\" & '2')</script>";
    Path run =
        RunFiles.make(folder.resolve("<b>&amp;"), "data.note = \"\"\"" + evil + "\"\"\"", 40, 8, 4);
    String quoted = evil.replace("\"", "\\\"");
    RunFiles.add(run, "validation", 40, "\"set\":\"" + quoted + "\",\"bits_per_byte\":1.5");
    RunFiles.add(run, "stage", 40, "\"tokens\":320,\"seconds\":40,\"stage\":\"" + quoted + "\"");
    RunFiles.add(run, "observation", 40, "\"values\":{\"" + quoted + "\":[0.5,0.5]}");
    String page = RunFiles.compare(run).html();
    assertThat(page)
        .doesNotContain("<script", "<b>", "alert(\"")
        .contains("&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)", "&lt;b&gt;&amp;amp;");
  }

  @Test
  void aReportHasMarksAndObservations() throws Exception {
    Path run = RunFiles.make(folder.resolve("a"), "model.width = 1", 40, 8, 4);
    RunFiles.add(run, "stage", 20, "\"tokens\":160,\"seconds\":20,\"stage\":\"longer\"");
    for (int step = 20; step <= 40; step += 20) {
      RunFiles.add(
          run,
          "observation",
          step,
          "\"values\":{\"blocks.0.router.load\":[0.2,0.8],\"blocks.0.gate\":0.5,"
              + "\"blocks.0.usage\":{\"mean\":0.5,\"least\":0.1,\"most\":0.9}}");
    }
    assertThat(RunFiles.compare(run).html())
        .contains(">longer</text>", "class=\"mark\"", "blocks.0.router.load", "blocks.0.usage")
        .contains("<h2>Components");
  }
}
