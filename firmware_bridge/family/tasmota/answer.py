"""A Tasmota's answers on `stat`: a command's name with what is set now, or what went wrong. Called by `family`."""

from collections.abc import Mapping
from typing import Any, Literal

from appliance.model.observation import CommandOutcome
from firmware_bridge.notation.members import text_of

MAX_ANSWERS = 8  # settings told by one answer

_SECRET = ("assword", "Key", "User", "Hash", "SSId", "Token")
_EVENTS = ("Button", "Switch", "Shutter")
_DONE = (
    "successful",
    *("erfolgreich", "réussi", "riuscit", "exitos", "éxito", "correct", "geslaagd", "sucesso", "powodzenie", "udan"),
    *("úspěšn", "úspešn", "sikeres", "lyckat", "başarılı", "успешно", "успішно", "επιτυχ", "הצליח", "成功", "성공"),
)
_FAILED = (
    "fail",
    *("fehlgeschlagen", "échoué", "echec", "échec", "fallit", "falló", "fallid", "falla", "mislukt", "falh", "błąd"),
    *("niepowodzenie", "nieudan", "chyba", "neúspěšn", "neúspešn", "sikertelen", "misslyck", "başarısız", "ошибка"),
    *("не удалось", "неудач", "помилка", "αποτυχ", "απέτυχε", "נכשל", "失败", "失敗", "실패"),
)
"""How the end of an upgrade begins, in the languages of Tasmota's builds; later versions tell it in English alone."""


def read_answers(document: Mapping[str, Any], device: str, pins: tuple[str, ...]) -> list[CommandOutcome]:
    """Each member that answers a command. What changed by itself, and what was received, answers none.

    pins  how the names of changed pins end
    """
    found: list[CommandOutcome] = []
    for member, value in list(document.items())[:MAX_ANSWERS]:
        changed = type(value) is dict and (member.startswith(_EVENTS) or member[-4:] in pins)
        if member in ("Time", "Epoch", "Input") or changed or member[:6] == "Status" or member.endswith("Received"):
            continue
        text = "" if any(word in member for word in _SECRET) else text_of(value)
        if member in ("Command", "WARNING") or text in ("Error", "Unknown"):
            named = text_of(document.get("Input")) if member == "Command" else ""  # since version 12
            method = named or ("" if member in ("Command", "WARNING") else member[:64])
            found.append(
                CommandOutcome(device=device, outcome="failed", method=method, message=text or "not understood")
            )
        elif member == "Upgrade":
            found.append(read_upgrade(device, text))
        else:
            found.append(CommandOutcome(device=device, outcome="done", method=member[:64], message=text))
    return found


def read_upgrade(device: str, text: str) -> CommandOutcome:
    """It says at once from where it will fetch which version; later, on a topic of its own, how that ended."""
    outcome: Literal["accepted", "running", "done", "failed"] = "running"
    words = text.lower()
    if text.startswith("Version"):
        outcome = "accepted"
    elif words.startswith(_DONE):
        outcome = "done"
    elif words.startswith(_FAILED) or words.endswith("to upgrade"):
        outcome = "failed"
    return CommandOutcome(device=device, outcome=outcome, method="Upgrade", message=text)
