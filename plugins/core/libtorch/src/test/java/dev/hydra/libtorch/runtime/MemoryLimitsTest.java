package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryLimitsTest {
  @TempDir private Path folder;

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  private MemoryLimits limits(String membership) throws IOException {
    write("self", membership);
    return new MemoryLimits(folder.resolve("groups"), folder.resolve("self"));
  }

  private long room(String membership) throws IOException {
    return limits(membership).room();
  }

  @Test
  void theNarrowestOfAllGroupsAbove() throws IOException {
    write("groups/job/memory.max", "10000");
    write("groups/job/memory.current", "4000");
    write("groups/job/memory.stat", "anon 3000\ninactive_file 1000\nactive_file 0");
    write("groups/job/step/memory.max", "max");
    write("groups/job/step/memory.current", "100");
    write("groups/job/step/memory.stat", "inactive_file 7");
    assertEquals(7000, room("0::/job/step"));
    assertEquals(Long.MAX_VALUE, room("0::/other"));
    write("groups/memory.max", "5000");
    write("groups/memory.current", "4500");
    write("groups/memory.stat", "inactive_file 0");
    assertEquals(500, room("0::/job/step"));
    assertEquals(500, room("0::/"));
    assertEquals(5000, limits("0::/job/step").limit());
    write("groups/memory.max", "max");
    assertEquals(10000, limits("0::/job/step").limit());
    assertEquals(Long.MAX_VALUE, limits("0::/other").limit());
  }

  @Test
  void theFirstVersionHasAFolderForMemory() throws IOException {
    write("groups/memory/job/memory.limit_in_bytes", "10000");
    write("groups/memory/job/memory.usage_in_bytes", "9000");
    write("groups/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 50");
    MemoryLimits limits = limits("5:cpu,cpuacct:/job\n4:memory:/job\n0::/");
    assertEquals(1050, limits.room());
    assertEquals(10000, limits.limit());
  }

  @Test
  void whatCannotBeReadIsNoLimit() throws IOException {
    assertEquals(Long.MAX_VALUE, room("nothing of the kind"));
    assertEquals(Long.MAX_VALUE, new MemoryLimits(folder, folder.resolve("missing")).room());
  }

  @Test
  void thereIsSomeHere() {
    long free = FreeMemory.bytes();
    assertTrue(free > 0 && free < 1L << 50, "free: " + free);
    long total = TotalMemory.bytes();
    assertTrue(total >= free && total < 1L << 50, "total: " + total);
  }
}
