package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComponentsTest {
  private static final Components COMPONENTS = Models.components();

  private static String refusal(Role role, String hocon) {
    return Texts.refusal(() -> COMPONENTS.require(role, Texts.config(hocon), "part"));
  }

  @Test
  void findsTypesByRole() {
    RunningSumFactory factory = new RunningSumFactory();
    Registration found =
        Components.of(factory, new BestFactory())
            .require(Role.MIXER, Texts.config("type = running-sum"), "part");
    assertSame(factory, found.factory());
    assertEquals("running-sum", found.type());
    assertEquals(PluginId.of("dev.hydra.composer.model", "unversioned"), found.plugin());
  }

  @Test
  void namesTheNearestType() {
    assertEquals(
        "test.conf: 2: part.type: unknown mixer type \"runing-sum\";"
            + " did you mean \"running-sum\"? Known: running-sum",
        refusal(Role.MIXER, "\ntype = runing-sum"));
    assertEquals(
        "test.conf: 1: part.type: unknown ffn type \"running-sum\". Known: scales",
        refusal(Role.FEED_FORWARD, "type = running-sum"));
  }

  @Test
  void needsAType() {
    assertEquals(
        "test.conf: 1: part: needs a type, one of: best", refusal(Role.ROUTER, "top-k = 2"));
  }

  @Test
  void takesAnnotatedFactoriesOnly() {
    ComponentFactory<Mixer> unnamed =
        new ComponentFactory<>() {
          @Override
          public Role role() {
            return Role.MIXER;
          }

          @Override
          public List<Option<?>> options() {
            return List.of();
          }

          @Override
          public Mixer create(Site site) {
            return (x, pass) -> x;
          }

          @Override
          public Cost cost(Site site, Workload work) {
            return Cost.NONE;
          }
        };
    assertThat(
            assertThrows(IllegalArgumentException.class, () -> Components.of(unnamed)).getMessage())
        .endsWith(" lacks @HydraPlugin");
  }
}
