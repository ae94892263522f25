package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.api.Messages;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** LibTorch takes as many threads as it is told, or as a container may use. */
class ThreadsIT {
  @TempDir private Path folder;

  private Hydra hydra() {
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), folder).without("OMP_NUM_THREADS");
  }

  @ParameterizedTest
  @CsvSource({"1", "3"})
  void theOptionCountsForEveryCommand(String threads) throws Exception {
    List<String> out = hydra().run("doctor", "--threads", threads).out();
    assertThat(out)
        .anyMatch(line -> line.endsWith(", " + Messages.count(Long.parseLong(threads), "thread")));
    out = hydra().with("OMP_NUM_THREADS", "2").run("--threads=" + threads, "doctor").out();
    assertThat(out)
        .anyMatch(line -> line.endsWith(", " + Messages.count(Long.parseLong(threads), "thread")));
  }

  @ParameterizedTest
  @CsvSource({"0", "-1", "many"})
  void whatIsNotANumberOfThreadsIsRefused(String threads) throws Exception {
    Hydra.Result result = hydra().run("doctor", "--threads=" + threads);
    assertEquals(2, result.exitCode(), result.toString());
    assertThat(result.err().get(0)).as(result.toString()).contains("--threads");
  }

  @ParameterizedTest
  @CsvSource({
    "max 100000, max 100000, 0",
    "150000 100000, max 100000, 2",
    "400000 100000, 100000 100000, 1",
    "10000 100000, max 100000, 1",
    "unlimited, '', 0"
  })
  void quotasOfControlGroupsCount(String own, String above, int share) throws Exception {
    Files.writeString(folder.resolve("groups"), "0::/slice/job\n");
    Path job = Files.createDirectories(folder.resolve("sys/slice/job"));
    Files.writeString(job.resolve("cpu.max"), own + "\n");
    Files.writeString(job.resolveSibling("cpu.max"), above + "\n");
    assertEquals(share, share());
  }

  @ParameterizedTest
  @CsvSource({"250000, 3", "-1, 0"})
  void quotasOfOlderControlGroupsCount(String quota, int share) throws Exception {
    Files.writeString(folder.resolve("groups"), "5:cpuset:/\n4:cpu,cpuacct:/docker/of-the-host\n");
    Path root = Files.createDirectories(folder.resolve("sys/cpu,cpuacct"));
    Files.writeString(root.resolve("cpu.cfs_quota_us"), quota + "\n");
    Files.writeString(root.resolve("cpu.cfs_period_us"), "100000\n");
    assertEquals(share, share());
  }

  @Test
  void whereThereAreNoControlGroupsThereIsNoQuota() throws Exception {
    assertEquals(0, share());
  }

  private int share() throws IOException, InterruptedException {
    Process shell =
        new ProcessBuilder(
                "sh",
                "-euc",
                ". \"$0\"; quota_share groups sys; echo $share",
                Hydra.HOME.resolve("lib/processors.sh").toString())
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .start();
    String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertEquals(0, shell.waitFor(), said);
    return Integer.parseInt(said);
  }
}
