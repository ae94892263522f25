package dev.hydra.cli.swap;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Answers as lines for people. */
class SwapTextTest {
  @Test
  void everySiteAndParameterIsNamed() throws IOException {
    assertThat(
            SwapText.lines(
                JSON.std.mapFrom(
                    """
                    {"status": "switched", "step": 1200, "pause_ms": 1.24, "total_ms": 310,
                     "sites": [{"site": "blocks.0.ffn", "from": "dense (a 1)", "to": "dense (a 2)"},
                               {"site": "blocks.1.ffn", "from": "dense (a 1)", "to": "dense (a 2)"}],
                     "carried": ["x", "y"], "migrated": [], "initialised": ["z"],
                     "dropped": ["v", "w"], "kept": [], "sha256": "abc"}
                    """)))
        .containsExactly(
            "swapped after step 1200",
            "  blocks.0.ffn: dense (a 1) -> dense (a 2)",
            "  blocks.1.ffn: dense (a 1) -> dense (a 2)",
            "parameters: 2 carried, 1 initialised [z], 2 dropped [v, w]",
            "SHA-256: abc",
            "pause 1.2 ms, in all 310.0 ms");
  }

  @Test
  void theSameVersionIsSaidOnceAndWhatChanged() throws IOException {
    assertThat(
            SwapText.lines(
                JSON.std.mapFrom(
                    """
                    {"status": "switched", "step": 12, "pause_ms": 1, "total_ms": 2,
                     "guard_steps": 50, "guard_seconds": 30,
                     "sites": [{"site": "blocks.0.mixer", "from": "ema (a 1)", "to": "ema (a 1)",
                                "changes": ["kernel 3 -> 5", "bias false -> true"]},
                               {"site": "blocks.1.mixer", "from": "ema (a 1)", "to": "ema (a 1)",
                                "changes": []}]}
                    """)))
        .containsExactly(
            "swapped after step 12",
            "  blocks.0.mixer: ema (a 1), kernel 3 -> 5, bias false -> true",
            "  blocks.1.mixer: ema (a 1), built anew",
            "pause 1.0 ms, in all 2.0 ms",
            "on guard for 50 steps and at least 30 s: it is rolled back if a step fails or the loss"
                + " jumps; a rollback undoes it as long");
  }

  @ParameterizedTest
  @CsvSource({
    "switched, swapped after step 3",
    "rolled_back, rolled back after step 3",
    "prepared, 'can be swapped (nothing was changed), tried after step 3'"
  })
  void theFirstLineSaysHowItEnded(String status, String line) throws IOException {
    assertThat(
            SwapText.lines(
                JSON.std.mapFrom(
                    "{\"status\": \""
                        + status
                        + "\", \"step\": 3, \"pause_ms\": 0,"
                        + " \"total_ms\": 1}")))
        .containsExactly(line, "pause 0.0 ms, in all 1.0 ms");
  }
}
