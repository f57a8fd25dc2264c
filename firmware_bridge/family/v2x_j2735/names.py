"""What the ODE, the standard and its encoding call each kind of message. Used by `family` and `uper`."""

BY_DATA_TYPE: dict[str, str] = {
    "J2735Bsm": "BSM",
    "J2735PSM": "PSM",
    "J2735SPAT": "SPAT",
    "J2735MAP": "MAP",
    "J2735SRM": "SRM",
    "J2735SSM": "SSM",
    "TravelerInformation": "TIM",
    "J2735TravelerInformationMessage": "TIM",
    "OdeTravelerInformationMessage": "TIM",
    "J2735SensorDataSharingMessage": "SDSM",
    "J2735RTCM": "RTCM",
}
"""The last word of the ODE's dataType -> message."""

BY_FRAME: dict[str, str] = {
    "BasicSafetyMessage": "BSM",
    "PersonalSafetyMessage": "PSM",
    "SPAT": "SPAT",
    "MapData": "MAP",
    "SignalRequestMessage": "SRM",
    "SignalStatusMessage": "SSM",
    "TravelerInformation": "TIM",
    "SensorDataSharingMessage": "SDSM",
    "RTCMcorrections": "RTCM",
    "RoadSideAlert": "RSA",
    "RoadSafetyMessage": "RSM",
    "EmergencyVehicleAlert": "EVA",
    "IntersectionCollision": "ICA",
    "CommonSafetyRequest": "CSR",
    "NMEAcorrections": "NMEA",
    "ProbeVehicleData": "PVD",
    "ProbeDataManagement": "PDM",
}
"""The member of a MessageFrame's `value` -> message."""

BY_RECORD: dict[str, str] = {
    "bsmTx": "BSM", "bsmLogDuringEvent": "BSM", "rxMsg": "", "psmTx": "PSM", "spatTx": "SPAT", "mapTx": "MAP",
    "srmTx": "SRM", "ssmTx": "SSM", "timMsg": "TIM", "dnMsg": "TIM", "sdsmTx": "SDSM", "rtcmTx": "RTCM",
    "rsmTx": "RSM", "driverAlert": "driver_alert",
}  # fmt: skip

BY_NUMBER: dict[int, str] = {
    18: "MAP", 19: "SPAT", 20: "BSM", 21: "CSR", 22: "EVA", 23: "ICA", 24: "NMEA", 25: "PDM", 26: "PVD", 27: "RSA",
    28: "RTCM", 29: "SRM", 30: "SSM", 31: "TIM", 32: "PSM", 33: "RSM", 41: "SDSM",
}  # fmt: skip
"""DSRCmsgID, with which an encoded message begins."""
