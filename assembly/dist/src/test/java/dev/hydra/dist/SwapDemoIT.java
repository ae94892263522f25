package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example's script does what it says. */
class SwapDemoIT {
  @Test
  void swapsRollsBackAndSwapsAgain(@TempDir Path folder) throws Exception {
    Path out = folder.resolve("out.txt");
    ProcessBuilder demo =
        new ProcessBuilder(
                Path.of("../../examples/swap-demo/demo.sh").toRealPath().toString(),
                Hydra.HOME.toString(),
                folder.resolve("work").toString())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile());
    demo.environment().put("JAVA_HOME", System.getProperty("java.home"));
    int code = demo.start().waitFor();
    String text = Files.readString(out);
    assertEquals(0, code, text);
    assertThat(text).contains("2 initialised [blocks.0.mixer.gain, blocks.1.mixer.gain]");
    assertThat(text).contains("\nrolled back after step ");
    String[] lists = text.split("\\$ hydra plugins list --run run\n", -1);
    assertEquals(4, lists.length, text);
    assertThat(lists[1])
        .startsWith("blocks.0.mixer           shift (com.example.hydra.shift 1.0.0)");
    assertThat(lists[2])
        .startsWith("blocks.0.mixer           shift (com.example.hydra.shift 2.0.0+");
    assertThat(lists[3])
        .startsWith("blocks.0.mixer           shift (com.example.hydra.shift 2.0.0+");
    for (String event : new String[] {"swap", "rollback", "plugin-removed"}) {
      assertThat(text).as(event + " in " + text).contains("\"event\":\"" + event + "\"");
    }
  }
}
